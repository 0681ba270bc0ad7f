//! Nanoseconds per decision: what a hit and a miss spend on thinking.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench that goes wrong may say so")]

use criterion::Criterion;
use criterion::criterion_group;
use criterion::criterion_main;
use http::HeaderMap;
use http::HeaderValue;
use http::StatusCode;
use std::hint::black_box;
use std::time::Duration;
use verifik_gateway::api::answer;
use verifik_gateway::api::answer::Meaning;
use verifik_gateway::api::answer::TicketState;
use verifik_gateway::api::route;
use verifik_gateway::api::route::Kind;
use verifik_gateway::api::write;
use verifik_gateway::app::stand_in_ticket::SAMPLE;
use verifik_gateway::app::stand_in_ticket::SAMPLE_ID;
use verifik_gateway::base::room::Room;
use verifik_gateway::base::secret::Secret;
use verifik_gateway::base::time::Moment;
use verifik_gateway::base::time::Timestamp;
use verifik_gateway::fields::cache_control::RequestDirectives;
use verifik_gateway::fields::cache_control::ResponseDirectives;
use verifik_gateway::fields::cache_status::ForwardReason;
use verifik_gateway::fields::framing::Framing;
use verifik_gateway::fields::presence::Presence;
use verifik_gateway::fields::vary::Vary;
use verifik_gateway::policy::admit;
use verifik_gateway::policy::freshen;
use verifik_gateway::policy::freshness;
use verifik_gateway::policy::freshness::Facts;
use verifik_gateway::policy::freshness::Journey;
use verifik_gateway::policy::freshness::Lifetimes;
use verifik_gateway::policy::freshness::Source;
use verifik_gateway::policy::freshness::Staleness;
use verifik_gateway::policy::freshness::Timed;
use verifik_gateway::policy::key::KeySecret;
use verifik_gateway::policy::lease::Authority;
use verifik_gateway::policy::lease::Terms;
use verifik_gateway::policy::order::Turn;
use verifik_gateway::policy::privacy::Privacy;
use verifik_gateway::policy::reuse;
use verifik_gateway::policy::reuse::Sight;
use verifik_gateway::policy::storable::Candidate;
use verifik_gateway::policy::variant;
use verifik_gateway::settings::load::load;
use verifik_gateway::settings::sources::Sources;
use verifik_gateway::store::leases::Leases;
use verifik_gateway::store::response::Label;
use verifik_gateway::store::response::StoredResponse;

const NOW: Timestamp = Timestamp::from_secs(1_000);
const FACTS: Facts = Facts {
    asked_at: NOW,
    received_at: NOW,
    initial_age: Duration::ZERO,
    lifetime: Duration::from_secs(15),
    authority_ends: None,
    stale: Staleness::Forbidden,
    always_validate: false,
    negative: false,
    source: Source::Open,
};

fn answer_fields() -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in [
        ("x-powered-by", "Express"),
        ("content-type", "application/json; charset=utf-8"),
        ("etag", "W/\"52d-Cq0\""),
        ("date", "Mon, 23 Nov 2026 12:00:00 GMT"),
        ("content-length", "1321"),
    ] {
        fields.insert(name, HeaderValue::from_static(value));
    }
    fields
}

fn on_the_way_in(criterion: &mut Criterion) {
    let resources = load(&Sources::default(), []).expect("the defaults").settings.resources;
    let path = format!("/v2/support-tickets/{SAMPLE_ID}");
    let secret = KeySecret::new(Secret::new([7; 32]));
    let authorization = format!("Bearer {}", "x".repeat(213));
    let credential = secret.credential(authorization.as_bytes());
    let fields = HeaderMap::new();
    criterion.bench_function("route of a ticket", |b| {
        b.iter(|| {
            matches!(route::route(&resources, black_box(&path)), route::Route::Resource { .. })
        });
    });
    criterion.bench_function("what a write touches", |b| {
        b.iter(|| write::touched(&resources, &http::Method::PUT, black_box(&path)));
    });
    criterion.bench_function("credential of a 220-byte token", |b| {
        b.iter(|| secret.credential(black_box(authorization.as_bytes())).tag());
    });
    criterion.bench_function("key and ticket tag", |b| {
        b.iter(|| {
            let key = secret.key(&credential, 1, "ticket", black_box(&path), None, &fields);
            (
                key == secret.key(&credential, 1, "ticket", &path, None, &fields),
                secret.ticket(SAMPLE_ID),
            )
        });
    });
    let asked = RequestDirectives::default();
    criterion.bench_function("plan: reuse", |b| {
        let sight = Sight {
            facts: &FACTS,
            asked: Turn::new(5),
            mark: Turn::new(4),
            authority: Authority::Holds,
        };
        let missing = ForwardReason::UriMiss;
        b.iter(|| reuse::plan(black_box(&asked), black_box(Some(sight)), missing, NOW));
    });
    criterion.bench_function("directives and conditions of a request without any", |b| {
        b.iter(|| (RequestDirectives::read(black_box(&fields)), Presence::of(&fields)));
    });
    criterion.bench_function("authority of a credential", |b| {
        let (leases, tag) = (Leases::default(), credential.tag());
        let terms = Terms { lease: Duration::from_mins(1), grace: Duration::from_mins(10) };
        leases.prove(tag, Turn::new(5), NOW, terms, NOW);
        b.iter(|| leases.authority(black_box(tag), terms, NOW));
    });
}

const LIFETIMES: Lifetimes = Lifetimes {
    open: Duration::from_secs(15),
    settled: Duration::from_mins(10),
    not_found: Duration::from_secs(10),
    max: Duration::from_hours(1),
    while_revalidate: Duration::from_secs(30),
    if_error: Duration::from_mins(10),
};

fn on_the_way_out(criterion: &mut Criterion) {
    let (fields, asked) = (answer_fields(), RequestDirectives::default());
    let journey = Journey { asked_at: NOW, received: Moment { now: NOW, ..Moment::default() } };
    let meaning = Meaning::Ticket(TicketState::Open);
    criterion.bench_function("meaning of a 1.3 KB ticket", |b| {
        let body = SAMPLE.as_bytes();
        b.iter(|| answer::meaning(StatusCode::OK, &fields, black_box(body), SAMPLE_ID));
    });
    criterion.bench_function("our own tag of a 1.3 KB ticket", |b| {
        b.iter(|| freshen::own_tag(black_box(SAMPLE.as_bytes())));
    });
    criterion.bench_function("facts and admission", |b| {
        b.iter(|| {
            let said = ResponseDirectives::read(black_box(&fields));
            let timed = Timed {
                meaning: Some(meaning),
                status: StatusCode::OK,
                fields: &fields,
                journey,
                privacy: Privacy::Private,
            };
            let facts = freshness::facts(&timed, &said, None, &LIFETIMES, 0.5);
            let nominated = variant::nominated(Kind::Ticket, Vary::read(&fields));
            let answer = Candidate {
                meaning: Some(meaning),
                status: StatusCode::OK,
                fields: &fields,
                said: &said,
                nominated: &nominated,
                framing: Framing::Announced,
                privacy: Privacy::Private,
                cookies: false,
            };
            admit::admit(&answer, &asked, &facts, || false)
        });
    });
    let secret = KeySecret::new(Secret::new([7; 32]));
    let key = secret.key(&secret.credential(b"t"), 1, "ticket", "/t/1", None, &HeaderMap::new());
    let label = Label {
        key,
        asked: Turn::new(1),
        facts: FACTS,
        status: StatusCode::OK,
        own_tag: false,
        variant: None,
    };
    let room = Room::new(usize::MAX);
    criterion.bench_function("copying a response to store it", |b| {
        b.iter(|| {
            StoredResponse::new(label.clone(), &fields, black_box(SAMPLE.as_bytes()), &room).is_ok()
        });
    });
    let stored = StoredResponse::new(label, &fields, SAMPLE.as_bytes(), &room).ok().unwrap();
    criterion.bench_function("fields and body of a stored response", |b| {
        b.iter(|| (stored.fields(4), stored.body()));
    });
}

criterion_group!(decisions, on_the_way_in, on_the_way_out);
criterion_main!(decisions);
