//! Every look at the clock panics once: in an asker's task and in a forward's, in the queue's own and
//! while an answer lands. Between two looks stand all the steps that nothing else reaches from outside.
//! Whoever's own task that was may lose its connection; everybody else is answered.

use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::search::unmarked;
use crate::support::torture::Framing;
use crate::support::torture::all_but_given_back;
use crate::support::torture::connects;
use crate::support::torture::get;
use crate::support::torture::is_giving_back;
use crate::support::torture::next_is_answered;
use crate::support::torture::number;
use crate::support::torture::sends;
use crate::support::torture::tells;
use crate::support::trap::Trap;
use crate::support::trap::trapped_house;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use crate::support::wire::Message;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::task::Id;
use tokio::time::timeout;
use verifik_gateway::settings::model::Rate;
use verifik_gateway::settings::model::Settings;

/// What is going on while the clock is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scene {
    Miss,
    Validation,
    Background,
    /// A probe, so long after the last proof that nothing stands in.
    Probe,
    Retry,
    Limited,
    InLine,
    Paced,
    Write,
    BulkWrite,
    Passage,
    Batch,
    /// Nobody else comes, and nobody in it would ever leave the line.
    PacedBatch,
}

const SCENES: [Scene; 13] = [
    Scene::Miss,
    Scene::Validation,
    Scene::Background,
    Scene::Probe,
    Scene::Retry,
    Scene::Limited,
    Scene::InLine,
    Scene::Paced,
    Scene::Write,
    Scene::BulkWrite,
    Scene::Passage,
    Scene::Batch,
    Scene::PacedBatch,
];

#[tokio::test(start_paused = true)]
async fn whichever_look_at_the_clock_panics_only_its_own_task_comes_to_harm() {
    let (mut cells, mut wrong) = (0, Vec::new());
    for scene in SCENES {
        for look in 0.. {
            let case = format!("{scene:?}, look {look}");
            match tokio::spawn(cell(scene, look, case.clone())).await {
                Ok(Looked::Enough) => break,
                Ok(Looked::Panicked) => cells += 1,
                Ok(Looked::GivingBack) => {}
                Err(_) => {
                    cells += 1;
                    wrong.push(case);
                }
            }
            assert!(look < 400, "{scene:?} has no end");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(cells > 300, "only {cells} looks");
}

/// What came of the look that was to panic.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Looked {
    /// There were not as many.
    #[default]
    Enough,
    /// It panicked.
    Panicked,
    /// It may not panic.
    GivingBack,
}

#[derive(Default)]
struct Found {
    looked: Looked,
    task: Option<Id>,
}

fn panic_at(trap: &Trap, look: usize) -> Arc<Mutex<Found>> {
    let found = Arc::new(Mutex::new(Found::default()));
    let (noted, mut looks) = (Arc::clone(&found), 0);
    trap.by_the_clock(move || {
        looks += 1;
        if looks - 1 != look {
            return false;
        }
        let task = tokio::task::try_id();
        let looked = if is_giving_back() { Looked::GivingBack } else { Looked::Panicked };
        *noted.lock().unwrap() = Found { looked, task };
        looked == Looked::Panicked
    });
    found
}

async fn cell(scene: Scene, look: usize, case: String) -> Looked {
    let (house, trap) = trapped_house(|settings| scene.set(settings));
    scene.prepare(&house).await;
    let found = panic_at(&trap, look);
    let askers: Vec<_> = scene
        .requests()
        .into_iter()
        .map(|(text, who)| {
            let ((mut client, task), method) =
                (connects(&house), text.split(' ').next().unwrap().to_owned());
            let asker = tokio::spawn(async move {
                client.write(text).await;
                client.reply_to(&method).await
            });
            (asker, task, who)
        })
        .collect();
    let mut lost = 0;
    for (asker, task, who) in askers {
        let reply = timeout(Duration::from_mins(1), asker).await;
        let reply = reply.unwrap_or_else(|_| panic!("{case}: hangs")).unwrap();
        let own = found.lock().unwrap().task == Some(task);
        match reply {
            None => {
                assert!(own, "{case}: a bystander's connection is lost");
                lost += 1;
            }
            Some(reply) if own && (reply.status == 500 || !reply.message.whole) => lost += 1,
            Some(reply) => scene.check(&reply, who, &case),
        }
    }
    pass(2).await;
    trap.repair();
    let looked = found.lock().unwrap().looked;
    scene.check_marks(&house, &case).await;
    next_is_answered(&house, "t1", ANN, &case).await;
    next_is_answered(&house, "t9", BEN, &case).await;
    // A hit is entered in the accounts when it is answered, and so is one of a batch.
    let astray = if matches!(scene, Scene::Background | Scene::Batch | Scene::PacedBatch) {
        lost
    } else {
        0
    };
    all_but_given_back(&house, astray, &case).await;
    looked
}

impl Scene {
    fn set(self, settings: &mut Settings) {
        match self {
            Self::InLine => settings.upstream.max_in_flight = 1,
            Self::Paced | Self::PacedBatch => {
                settings.limit.rate = Rate::PerSecond(2.0);
                settings.limit.burst = 1;
            }
            Self::Batch => settings.upstream.max_in_flight = 2,
            _ => {}
        }
    }

    async fn prepare(self, house: &House) {
        let fields = match self {
            Self::Validation => "cache-control: max-age=9, must-revalidate\r\netag: \"v1\"\r\n",
            Self::Background | Self::Paced => {
                "cache-control: max-age=9, stale-while-revalidate=90\r\n"
            }
            _ => "cache-control: max-age=900\r\n",
        };
        tells(house, Framing::Length, fields);
        if !matches!(self, Self::Miss | Self::InLine | Self::Paced | Self::PacedBatch) {
            for who in [ANN, BEN] {
                number(&house.ticket("t1", who).await, "t1", who);
            }
        }
        match self {
            Self::Validation | Self::Background => pass(10).await,
            Self::Probe => pass(700).await,
            Self::Retry | Self::Limited => {
                let (mut left, status) = (1, if self == Self::Retry { 503 } else { 429 });
                house.upstream.says(move |asked| {
                    let fails = left > 0;
                    left -= i32::from(fails);
                    if fails { Say::json(status, "{}", &[]) } else { answer(asked) }
                });
            }
            _ => {}
        }
    }

    /// What is asked at once, and by whom where it is a ticket.
    fn requests(self) -> Vec<(String, Option<&'static str>)> {
        let anew: &[_] = if matches!(self, Self::Retry | Self::Limited) {
            &[("cache-control", "no-cache")]
        } else {
            &[]
        };
        let reads = |ids: [&str; 2]| {
            let own = ids.map(|id| (get(id, ANN, anew), Some(ANN)));
            own.into_iter().chain([(get("t1", BEN, &[]), Some(BEN))]).collect::<Vec<_>>()
        };
        let body = |method: &str, target: &str, body: &str| {
            let length = body.len().to_string();
            let fields = [("authorization", ANN), ("content-length", &length)];
            (request(method, target, &fields, body), None)
        };
        match self {
            Self::Write => vec![body("PUT", "/v2/support-tickets/t1", "{}")],
            Self::BulkWrite => vec![body("POST", "/v2/support-tickets/bulk", r#"{"ids":["t1"]}"#)],
            Self::Passage => {
                vec![(request("GET", "/v2/clients", &[("authorization", ANN)], ""), None)]
            }
            Self::Batch => vec![
                body("POST", "/_gateway/tickets", r#"{"ids":["t1","t2","t3"]}"#),
                (get("t1", BEN, &[]), Some(BEN)),
            ],
            Self::PacedBatch => {
                vec![body("POST", "/_gateway/tickets", r#"{"ids":["t1","t2","t3"]}"#)]
            }
            Self::InLine | Self::Paced => reads(["t1", "t2"]),
            _ => reads(["t1", "t1"]),
        }
    }

    fn check(self, reply: &Reply, who: Option<&str>, case: &str) {
        assert!(reply.status == 200 && reply.message.whole, "{case}: {reply:?}");
        if let Some(who) = who {
            let id = if reply.text().contains("t2") { "t2" } else { "t1" };
            number(reply, id, who);
        } else if matches!(self, Self::Batch | Self::PacedBatch) {
            let lines: Vec<_> = reply.text().lines().map(str::to_owned).collect();
            let failed = lines.iter().filter(|line| line.contains(r#""status":500"#)).count();
            let own = lines.iter().filter(|line| line.contains("Bearer ann")).count();
            // The line's own task may be the one that has panicked.
            assert!(lines.len() == 4 && failed <= 1 && own + failed == 3, "{case}: {lines:#?}");
        }
    }

    /// What was stored before a write is not given out after it.
    async fn check_marks(self, house: &House, case: &str) {
        if matches!(self, Self::Write | Self::BulkWrite) && house.upstream.count() > 2 {
            for who in [ANN, BEN] {
                let reply = sends(house, get("t1", who, &[])).await.unwrap().unwrap();
                assert!(number(&reply, "t1", who) > 2, "{case}: {}", reply.cache());
            }
        }
    }
}

fn answer(asked: &Message) -> Say {
    let owner = unmarked(asked.field("authorization").unwrap());
    let id = id_of(asked);
    Say::json(200, &format!(r#"{{"data":{{"_id":"{id}","owner":"{owner}","number":9}}}}"#), &[])
}
