//! What watches the gateway from outside, `deploy/observability` and `docs/runbook.md`: it names only
//! metrics, labels and words that `/metrics` has, and all of it belongs together.

use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;
use verifik_gateway::policy::storable::NotKept;
use verifik_gateway::settings::model::Rate;
use verifik_gateway::upstream::failure::Failure;

/// Labels that come with the target and not from the gateway.
const TARGET: [&str; 4] = ["cluster", "namespace", "job", "instance"];

/// Prometheus's own series, and their labels.
const PROMETHEUS: [(&str, &[&str]); 2] = [("up", &[]), ("ALERTS", &["alertname", "alertstate"])];

/// The dashboard's variable for where it asks.
const DATASOURCE: &str = "${datasource}";

const RUNBOOK: &str = "https://github.com/verifik/verifik-gateway/blob/main/docs/runbook.md#";

/// Every failure there is. They are the words of `error` and of `reason`, and not each of them can be had
/// in a test.
const FAILURES: [Failure; 18] = [
    Failure::Name,
    Failure::Connect,
    Failure::ConnectTimeout,
    Failure::Tls,
    Failure::Certificate,
    Failure::Reset,
    Failure::Malformed,
    Failure::Truncated,
    Failure::AnswerTimeout,
    Failure::TooLong,
    Failure::BodyTimeout,
    Failure::TotalTimeout,
    Failure::Full,
    Failure::Paced(Duration::ZERO),
    Failure::Open(Duration::ZERO),
    Failure::RequestTooLong,
    Failure::RequestBroken,
    Failure::Dropped,
];

/// In which paper what is replaced by what, and what has to be found then.
const MISTAKES: [(&str, &str, &str, &str); 24] = [
    (
        "dashboard.json",
        "verifik_gateway_marks{",
        "verifik_gateway_mark{",
        "no metric verifik_gateway_mark",
    ),
    (
        "dashboard.json",
        "process_cpu_seconds_total",
        "process_cpu_total",
        "no metric process_cpu_total",
    ),
    ("dashboard.json", "kind=\\\"read\\\"", "kind=\\\"reads\\\"", "no kind=\"reads\""),
    ("dashboard.json", "sum by (outcome)", "sum by (outcomes)", "no label outcomes"),
    ("dashboard.json", "{{cache}}", "{{cached}}", "no label cached"),
    (
        "dashboard.json",
        "verifik_gateway_build_info, job",
        "verifik_gateway_info, job",
        "no metric verifik_gateway_info",
    ),
    (
        "dashboard.json",
        "\"uid\": \"${datasource}\"",
        "\"uid\": \"P1809F7CD0C75ACF3\"",
        "another data source",
    ),
    ("dashboard.json", "\"id\": 2,", "\"id\": 3,", "two panels have the id 3"),
    ("dashboard.json", "\"x\": 3, \"y\": 1", "\"x\": 2, \"y\": 1", "lie on one another"),
    ("dashboard.json", "\"w\": 12, \"x\": 12", "\"w\": 13, \"x\": 12", "beyond the edge"),
    (
        "recording.yaml",
        "request_outcomes_total{",
        "requests_outcomes_total{",
        "no metric verifik_gateway_requests_outcomes_total",
    ),
    ("recording.yaml", "|paced|", "|pace|", "no error=\"pace\""),
    ("recording.yaml", "{status=\"5xx\"}", "{code=\"5xx\"}", "no label code"),
    (
        "recording.yaml",
        "record: instance:verifik_gateway_hits:rate5m",
        "record: instance:verifik_gateway_hit:rate5m",
        "nobody uses instance:verifik_gateway_hit:rate5m",
    ),
    ("alerts.yaml", "from=\"store\"", "from=\"memory\"", "no from=\"memory\""),
    (
        "alerts.yaml",
        "instance:verifik_gateway_errors:ratio_rate5m > 0.05",
        "instance:verifik_gateway_error:ratio_rate5m > 0.05",
        "no metric instance:verifik_gateway_error:ratio_rate5m",
    ),
    (
        "alerts.yaml",
        "alert: VerifikGatewayDown",
        "alert: VerifikGatewayGone",
        "no entry for VerifikGatewayGone",
    ),
    ("runbook.md", "## VerifikGatewayDown", "## VerifikGatewayDow", "no alert VerifikGatewayDow"),
    (
        "runbook.md",
        "(operating.md#reload)",
        "(operating.md#reloading)",
        "no heading operating.md#reloading",
    ),
    (
        "runbook.md",
        "verifik_gateway_slowest_pace",
        "verifik_gateway_slow_pace",
        "no metric verifik_gateway_slow_pace",
    ),
    ("dashboard.json", "\"Settings that were read again.\"", "\"\"", "does not say what to do"),
    (
        "alerts.yaml",
        "#verifikgatewayerrors",
        "#verifikgatewayerror",
        "VerifikGatewayErrors leads to",
    ),
    (
        "tests/recording.yaml",
        "expr: 'instance:verifik_gateway_open_files:ratio'",
        "expr: 'vector(1)'",
        "no value is tried of instance:verifik_gateway_open_files:ratio",
    ),
    (
        "tests/alerts.yaml",
        "VerifikGatewayRestarts\n        exp_alerts: []",
        "Another\n        exp_alerts: []",
        "VerifikGatewayRestarts is not tried",
    ),
];

#[tokio::test(start_paused = true)]
async fn what_watches_names_only_what_there_is_and_belongs_together() {
    let mistakes = mistakes(&Papers::on_disk(), &Exposed::by_a_gateway_with_traffic().await);
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn every_mistake_is_found() {
    let exposed = Exposed::by_a_gateway_with_traffic().await;
    for (paper, from, to, finding) in MISTAKES {
        let mut papers = Papers::on_disk();
        let text = papers.0.get_mut(paper).unwrap();
        assert!(text.contains(from), "{paper} has no {from}");
        *text = text.replacen(from, to, 1);
        let found = mistakes(&papers, &exposed);
        assert!(found.iter().any(|one| one.contains(finding)), "{paper}: {to}: {found:?}");
    }
}

/// The files, by their names.
struct Papers(BTreeMap<&'static str, String>);

impl Papers {
    fn on_disk() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let all = [
            ("dashboard.json", "deploy/observability/dashboard.json"),
            ("recording.yaml", "deploy/observability/rules/recording.yaml"),
            ("alerts.yaml", "deploy/observability/rules/alerts.yaml"),
            ("tests/alerts.yaml", "deploy/observability/rules/tests/alerts.yaml"),
            ("tests/hit_ratio.yaml", "deploy/observability/rules/tests/hit_ratio.yaml"),
            ("tests/recording.yaml", "deploy/observability/rules/tests/recording.yaml"),
            ("runbook.md", "docs/runbook.md"),
            ("operating.md", "docs/operating.md"),
            ("limits.md", "docs/limits.md"),
        ];
        Self(all.map(|(name, path)| (name, fs::read_to_string(root.join(path)).unwrap())).into())
    }

    fn text(&self, name: &str) -> &str {
        &self.0[name]
    }
}

fn mistakes(papers: &Papers, exposed: &Exposed) -> Vec<String> {
    let dashboard: Value = serde_json::from_str(papers.text("dashboard.json")).unwrap();
    let recording = rules(papers.text("recording.yaml"));
    let alerts = rules(papers.text("alerts.yaml"));
    let runbook = papers.text("runbook.md");
    let of_rules = recording.iter().chain(&alerts).map(Rule::query);
    let queries: Vec<Query> =
        of_rules.chain(asked_by(&dashboard)).chain(quoted_in(runbook)).collect();
    let recorded: BTreeSet<&str> = recording.iter().map(|rule| &*rule.name).collect();
    let mut found: Vec<String> =
        queries.iter().flat_map(|query| query.mistakes(exposed, &recorded)).collect();
    found.extend(unused(&recorded, &queries));
    found.extend(untried(&recording, &alerts, papers));
    found.extend(without_entry(&alerts, runbook));
    found.extend(dead_links(papers));
    found.extend(badly_laid_out(&dashboard));
    found.extend(elsewhere(&dashboard));
    found
}

/// What `/metrics` has: each metric's labels, and the words of each.
struct Exposed(BTreeMap<String, Labels>);

type Labels = BTreeMap<String, BTreeSet<String>>;

impl Exposed {
    /// After a bit of everything, since a word that nothing has happened for is missing.
    async fn by_a_gateway_with_traffic() -> Self {
        let house = House::with(|settings| {
            settings.upstream.retries = 0;
            settings.breaker.failures = 3;
            settings.limit.rate = Rate::Off;
        });
        house.upstream.says(|request| Say::ticket(id_of(request), "closed", &[]));
        house.ticket("1", ANN).await;
        house.ticket("1", ANN).await;
        pass(61).await;
        house.ticket("1", ANN).await;
        house.get("/v2/elsewhere", ANN).await;
        house.get("/_gateway/none", ANN).await;
        house.write("PUT", "/v2/support-tickets/1", ANN, "{}").await;
        house.upstream.always(Say::json(429, r#"{"message":"slowly"}"#, &[]));
        house.ticket("2", ANN).await;
        house.upstream.always(Say::RawThenClose(b"no answer\r\n\r\n".to_vec()));
        house.ticket("2", ANN).await;
        house.upstream.always(Say::json(503, r#"{"message":"down"}"#, &[]));
        for id in ["3", "4", "5", "6"] {
            house.ticket(id, ANN).await;
        }
        let mut all: BTreeMap<String, Labels> = BTreeMap::new();
        for sample in house.operator().metrics().await.keys() {
            let Selector { name, matchers } = named(sample).selectors.remove(0);
            let labels = all.entry(name).or_default();
            for Matcher { label, value, .. } in matchers {
                labels.entry(label).or_default().insert(value);
            }
        }
        let words = FAILURES.map(Failure::as_str).map(ToOwned::to_owned);
        for (metric, label) in [("replies", "error"), ("upstream_failures", "reason")] {
            let labels = all.get_mut(&format!("verifik_gateway_{metric}_total")).unwrap();
            labels.get_mut(label).unwrap().extend(words.clone());
        }
        let details = all.get_mut("verifik_gateway_replies_total").unwrap().get_mut("detail");
        details.unwrap().insert(NotKept::NoRoom.as_str().to_owned());
        Self(all)
    }

    /// The labels of a metric, of a series of Prometheus's own, or of what is recorded: its level says
    /// which are left. The words of the latter are those of any metric.
    fn labels(&self, name: &str, recorded: &BTreeSet<&str>) -> Option<Labels> {
        if let Some((_, labels)) = PROMETHEUS.iter().find(|(series, _)| *series == name) {
            return Some(labels.iter().map(|label| (String::from(*label), [].into())).collect());
        }
        if !recorded.contains(name) {
            return self.0.get(name).cloned();
        }
        let level = name.split(':').next().unwrap().split('_');
        let level = level.filter(|label| !TARGET.contains(label));
        let words = |label: &str| {
            self.0.values().filter_map(|labels| labels.get(label)).flatten().cloned().collect()
        };
        Some(level.map(|label| (label.to_owned(), words(label))).collect())
    }
}

/// A query, and where it stands.
struct Query {
    place: String,
    text: String,
    /// Labels that are printed of it.
    printed: Vec<String>,
}

impl Query {
    fn mistakes(&self, exposed: &Exposed, recorded: &BTreeSet<&str>) -> Vec<String> {
        let place = &self.place;
        let mut found = Vec::new();
        let mut known: BTreeSet<String> = TARGET.map(ToOwned::to_owned).into();
        let Named { selectors, grouped } = named(&self.text);
        for Selector { name, matchers } in selectors {
            let Some(labels) = exposed.labels(&name, recorded) else {
                found.push(format!("{place}: there is no metric {name}"));
                continue;
            };
            let own = matchers.iter().filter(|matcher| !TARGET.contains(&&*matcher.label));
            for Matcher { label, is_regex, value } in own {
                let Some(words) = labels.get(label) else {
                    found.push(format!("{place}: {name} has no label {label}"));
                    continue;
                };
                let asked = if *is_regex { value.split('|').collect() } else { vec![&**value] };
                let odd = asked.iter().filter(|word| !words.is_empty() && !words.contains(**word));
                found.extend(odd.map(|word| format!("{place}: {name} has no {label}=\"{word}\"")));
            }
            known.extend(labels.into_keys());
        }
        let odd = grouped.iter().chain(&self.printed).filter(|label| !known.contains(*label));
        found.extend(odd.map(|label| format!("{place}: there is no label {label}")));
        found
    }
}

/// What a query names.
#[derive(Default)]
struct Named {
    selectors: Vec<Selector>,
    /// Labels that are kept, dropped or matched on.
    grouped: Vec<String>,
}

struct Selector {
    name: String,
    matchers: Vec<Matcher>,
}

struct Matcher {
    label: String,
    is_regex: bool,
    value: String,
}

#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

const GROUPING: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const KEYWORDS: [&str; 5] = ["and", "or", "unless", "offset", "bool"];

/// Reads as much of `PromQL` as it takes to know what it names.
fn named(query: &str) -> Named {
    let mut named = Named::default();
    let mut tokens = tokens(query).into_iter().peekable();
    while let Some(token) = tokens.next() {
        let Token::Word(word) = token else { continue };
        match tokens.peek() {
            Some(Token::Sign('(')) if GROUPING.contains(&&*word) => {
                let inside = tokens.by_ref().take_while(|token| *token != Token::Sign(')'));
                named.grouped.extend(inside.filter_map(|token| match token {
                    Token::Word(label) => Some(label),
                    _ => None,
                }));
            }
            Some(Token::Sign('(')) => {}
            // `sum by (…)`: what it sums comes later.
            Some(Token::Word(next)) if GROUPING.contains(&&**next) => {}
            Some(Token::Sign('{')) => {
                let inside: Vec<_> = tokens
                    .by_ref()
                    .skip(1)
                    .take_while(|token| *token != Token::Sign('}'))
                    .collect();
                let matchers = inside.split(|token| *token == Token::Sign(',')).filter_map(matcher);
                named.selectors.push(Selector { name: word, matchers: matchers.collect() });
            }
            _ if KEYWORDS.contains(&&*word) => {}
            _ => named.selectors.push(Selector { name: word, matchers: Vec::new() }),
        }
    }
    named
}

fn matcher(tokens: &[Token]) -> Option<Matcher> {
    let [Token::Word(label), signs @ .., Token::Text(value)] = tokens else { return None };
    let is_regex = signs.last() == Some(&Token::Sign('~'));
    Some(Matcher { label: label.clone(), is_regex, value: value.clone() })
}

/// Words, texts and signs; numbers, ranges and the dashboard's variables name nothing.
fn tokens(query: &str) -> Vec<Token> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.');
    let mut tokens = Vec::new();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        if first == '"' {
            let (text, left) = after.split_once('"').expect("a text ends");
            tokens.push(Token::Text(text.to_owned()));
            rest = left;
        } else if first == '[' {
            rest = after.split_once(']').expect("a range ends").1;
        } else if is_word(first) || first == '$' {
            let end = after.find(|c| !is_word(c)).unwrap_or(after.len());
            let word = &rest[..first.len_utf8() + end];
            if first.is_ascii_alphabetic() || first == '_' {
                tokens.push(Token::Word(word.to_owned()));
            }
            rest = &rest[word.len()..];
        } else {
            if !first.is_whitespace() {
                tokens.push(Token::Sign(first));
            }
            rest = after;
        }
    }
    tokens
}

/// A rule of a rules file.
struct Rule {
    name: String,
    expr: String,
    runbook: String,
}

impl Rule {
    fn query(&self) -> Query {
        Query { place: self.name.clone(), text: self.expr.clone(), printed: Vec::new() }
    }
}

/// The rules of a file that is written as ours are: each begins with its name, and `expr` is a block.
fn rules(text: &str) -> Vec<Rule> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut rules: Vec<Rule> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let said = line.trim_start();
        let name = said.strip_prefix("- record: ").or_else(|| said.strip_prefix("- alert: "));
        if let Some(name) = name {
            let (name, expr, runbook) = (name.to_owned(), String::new(), String::new());
            rules.push(Rule { name, expr, runbook });
        } else if said == "expr: |-" {
            let inside = |next: &&str| depth(next) > depth(line);
            let expr: Vec<&str> = std::iter::from_fn(|| lines.next_if(inside)).collect();
            rules.last_mut().unwrap().expr = expr.join("\n");
        } else if let Some(url) = said.strip_prefix("runbook_url: ") {
            url.clone_into(&mut rules.last_mut().unwrap().runbook);
        }
    }
    assert!(rules.iter().all(|rule| !rule.expr.is_empty()), "each has its expr");
    rules
}

/// The queries of panels, annotations and variables.
fn asked_by(dashboard: &Value) -> Vec<Query> {
    let mut queries = Vec::new();
    walk(dashboard, &mut |object| {
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        if let Some(expr) = text("expr") {
            let printed = text("legendFormat").or_else(|| text("textFormat")).unwrap_or_default();
            let printed = printed.split("{{").skip(1);
            let printed = printed.map(|rest| rest.split("}}").next().unwrap().trim().to_owned());
            let (place, text) = (format!("dashboard, {expr}"), expr.to_owned());
            queries.push(Query { place, text, printed: printed.collect() });
        }
        for query in ["query", "definition"].into_iter().filter_map(text) {
            let inside = query.strip_prefix("label_values(").and_then(|q| q.strip_suffix(')'));
            if let Some((text, label)) = inside.and_then(|inside| inside.rsplit_once(',')) {
                let printed = vec![label.trim().to_owned()];
                let (place, text) = (format!("dashboard, {query}"), text.to_owned());
                queries.push(Query { place, text, printed });
            }
        }
    });
    queries
}

/// Those that the runbook says to ask.
fn quoted_in(runbook: &str) -> Vec<Query> {
    let blocks = runbook.split("```promql\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap().trim());
    let query = |text: &str| Query {
        place: format!("runbook, {text}"),
        text: text.to_owned(),
        printed: Vec::new(),
    };
    blocks.map(query).collect()
}

/// Goes to every object.
fn walk(value: &Value, visit: &mut dyn FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            visit(object);
            object.values().for_each(|value| walk(value, visit));
        }
        Value::Array(values) => values.iter().for_each(|value| walk(value, visit)),
        _ => {}
    }
}

fn unused(recorded: &BTreeSet<&str>, queries: &[Query]) -> Vec<String> {
    let elsewhere = |name: &str| {
        let mut others = queries.iter().filter(|query| query.place != name);
        others.any(|query| named(&query.text).selectors.iter().any(|used| used.name == name))
    };
    let unused = recorded.iter().filter(|name| !elsewhere(name));
    unused.map(|name| format!("nobody uses {name}")).collect()
}

/// Rules without a unit test: a value for what is recorded, a history that fires an alert and one that
/// only nearly does.
fn untried(recording: &[Rule], alerts: &[Rule], papers: &Papers) -> Vec<String> {
    let tests = ["alerts", "hit_ratio"].map(|name| papers.text(&format!("tests/{name}.yaml")));
    let tests = tests.concat();
    let values: BTreeSet<String> = papers
        .text("tests/recording.yaml")
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("- expr: '"))
        .flat_map(|expr| named(expr.trim_end_matches('\'')).selectors)
        .map(|selector| selector.name)
        .collect();
    let recording = recording.iter().filter(|rule| !values.contains(&rule.name));
    let mut found: Vec<String> =
        recording.map(|rule| format!("no value is tried of {}", rule.name)).collect();
    for Rule { name, .. } in alerts {
        let asked = format!("alertname: {name}\n");
        let said = tests.split(&asked).skip(1).map(str::trim_start);
        let quiet: BTreeSet<bool> = said.map(|said| said.starts_with("exp_alerts: []")).collect();
        if quiet != [false, true].into() {
            found.push(format!("{name} is not tried, once so that it fires and once nearly"));
        }
    }
    found
}

fn without_entry(alerts: &[Rule], runbook: &str) -> Vec<String> {
    let headings = runbook.lines().filter_map(|line| line.strip_prefix("## "));
    let entries: BTreeSet<&str> =
        headings.filter(|heading| heading.starts_with("VerifikGateway")).collect();
    let names: BTreeSet<&str> = alerts.iter().map(|rule| &*rule.name).collect();
    let missing = names.difference(&entries).map(|name| format!("no entry for {name}"));
    let left = entries.difference(&names).map(|name| format!("there is no alert {name}"));
    let astray = alerts
        .iter()
        .filter(|rule| rule.runbook.strip_prefix(RUNBOOK) != Some(&*rule.name.to_lowercase()));
    let astray = astray.map(|rule| format!("{} leads to {}", rule.name, rule.runbook));
    missing.chain(left).chain(astray).collect()
}

/// Links of the runbook to headings that there are not.
fn dead_links(papers: &Papers) -> Vec<String> {
    let anchor = |heading: &str| -> String {
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
    };
    let targets: BTreeSet<String> = ["runbook.md", "operating.md", "limits.md"]
        .into_iter()
        .flat_map(|paper| {
            let headings = papers.text(paper).lines().filter(|line| line.starts_with('#'));
            headings.map(move |line| {
                format!("{paper}#{}", anchor(line.trim_start_matches('#').trim_start()))
            })
        })
        .collect();
    let links = papers.text("runbook.md").split("](").skip(1);
    let links = links.map(|rest| rest.split(')').next().unwrap()).filter(|link| link.contains('#'));
    let links = links.map(|link| {
        if link.starts_with('#') { format!("runbook.md{link}") } else { link.to_owned() }
    });
    let dead = links.filter(|link| !targets.contains(link));
    dead.map(|link| format!("there is no heading {link}")).collect()
}

/// Where a panel lies.
struct Laid<'a> {
    title: &'a str,
    id: u64,
    left: u64,
    right: u64,
    top: u64,
    bottom: u64,
}

impl<'a> Laid<'a> {
    fn of(panel: &'a Value) -> Self {
        let grid = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        let (left, top) = (grid("x"), grid("y"));
        Self {
            title: panel["title"].as_str().unwrap(),
            id: panel["id"].as_u64().unwrap(),
            left,
            right: left + grid("w"),
            top,
            bottom: top + grid("h"),
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        let beside = self.right <= other.left || other.right <= self.left;
        let above = self.bottom <= other.top || other.bottom <= self.top;
        !beside && !above
    }
}

fn badly_laid_out(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap();
    let laid: Vec<Laid<'_>> = panels.iter().map(Laid::of).collect();
    let mut found = Vec::new();
    for (at, one) in laid.iter().enumerate() {
        if one.right > 24 {
            found.push(format!("{} goes beyond the edge", one.title));
        }
        for other in &laid[at + 1..] {
            if one.id == other.id {
                found.push(format!("two panels have the id {}", one.id));
            }
            if one.overlaps(other) {
                found.push(format!("{} and {} lie on one another", one.title, other.title));
            }
        }
    }
    let silent = panels.iter().filter(|panel| panel["type"] != "row");
    let silent = silent.filter(|panel| panel["description"].as_str().is_none_or(str::is_empty));
    found.extend(silent.map(|panel| format!("{} does not say what to do", panel["title"])));
    found
}

/// Data sources other than the one that whoever looks has chosen: those of another installation.
fn elsewhere(dashboard: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(dashboard, &mut |object| {
        if let Some(source) = object.get("datasource")
            && source["uid"] != DATASOURCE
        {
            found.push(format!("another data source is asked: {source}"));
        }
    });
    found
}
