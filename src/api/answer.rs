//! What an answer means, design §3.3.

use crate::api::constant::says_dead_credential;
use crate::api::constant::says_not_found;
use crate::api::constant::says_out_of_service;
use crate::api::envelope::Envelope;
use crate::api::envelope::Flaw;
use crate::api::envelope::Value;
use crate::api::envelope::read;
use crate::fields::media_type::is_json;
use http::HeaderMap;
use http::StatusCode;
use std::iter;

/// What the answer to a GET on a ticket means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Meaning {
    /// The ticket asked for.
    Ticket(TicketState),
    /// There is no such ticket for this credential.
    NotFound(Evidence),
    /// The credential is not, or no longer, good for anything.
    CredentialDead,
    /// The upstream cannot answer at the moment.
    Outage,
    /// The upstream asks for fewer requests.
    Limited,
    /// Nothing that could be relied upon: delivered as it is, never stored.
    Other(Oddity),
}

/// How likely a ticket is to change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TicketState {
    /// Somebody still works on it.
    Open,
    /// Resolved, closed or cancelled.
    Settled,
    /// A status nobody documented, or none.
    Unknown,
}

/// What a not-found answer rests on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Evidence {
    /// A documented machine constant. The API looks for things only for a credential it accepts,
    /// so this proves the credential good too.
    Documented,
    /// The status 404 and some JSON error: proves nothing about the credential.
    Bare,
}

/// Why an answer is nothing to rely upon.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Oddity {
    /// The status says neither, and the body adds nothing.
    Status,
    /// Not `application/json` in UTF-8.
    NotJson,
    /// No body.
    Empty,
    /// Not one JSON text.
    Malformed,
    /// Nested deeper than anything the API sends.
    TooDeep,
    /// A member that matters stands there twice.
    DuplicateMember,
    /// JSON, but no object.
    NotAnObject,
    /// `success` is not true, or there is an `error`.
    Unsuccessful,
    /// `data` is no object.
    NoTicket,
    /// `data` has no id.
    NoId,
    /// `data` has another id, or two that differ.
    WrongId,
    /// The ticket asked for, and with it a not-found constant or a status that is not 200.
    Contradictory,
}

/// What the status alone says, where the body is not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// Below 400.
    Fine,
    /// 401.
    CredentialDead,
    /// 403, 404 or 410. On a ticket: what is stored of it for this credential is void.
    Withdrawn,
    /// 409: a complaint about the request, or an outage. Only the body tells.
    Unclear,
    /// 429.
    Limited,
    /// Any other 4xx.
    Refused,
    /// 408, 500 and beyond.
    Outage,
}

/// Understands the complete answer to a GET on the ticket `id`. A 304 is for the caller: it means
/// what was stored.
pub fn meaning(status: StatusCode, fields: &HeaderMap, body: &[u8], id: &str) -> Meaning {
    // Doubt about a credential or the upstream counts against them, whatever type the body claims.
    let complains = |says: fn(&Envelope<'_>) -> bool| read(body).is_ok_and(|told| says(&told));
    match (standing(status), status) {
        (Standing::CredentialDead, _) => Meaning::CredentialDead,
        (Standing::Outage, _) => Meaning::Outage,
        (Standing::Limited, _) => Meaning::Limited,
        (_, StatusCode::FORBIDDEN) if complains(says_dead_credential) => Meaning::CredentialDead,
        (_, StatusCode::CONFLICT) if complains(says_out_of_service) => Meaning::Outage,
        (_, StatusCode::OK | StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND) => {
            heard(fields, body).map_or_else(Meaning::Other, |envelope| told(status, &envelope, id))
        }
        _ => Meaning::Other(Oddity::Status),
    }
}

/// Understands the status alone.
pub fn standing(status: StatusCode) -> Standing {
    match status.as_u16() {
        ..400 => Standing::Fine,
        401 => Standing::CredentialDead,
        403 | 404 | 410 => Standing::Withdrawn,
        // RFC 9110 §15: what is beyond 599 is to be understood as a 5xx.
        408 | 500.. => Standing::Outage,
        409 => Standing::Unclear,
        429 => Standing::Limited,
        400..500 => Standing::Refused,
    }
}

fn heard<'a>(fields: &HeaderMap, body: &'a [u8]) -> Result<Envelope<'a>, Oddity> {
    if !is_json(fields) {
        return Err(Oddity::NotJson);
    }
    read(body).map_err(Oddity::from)
}

/// What the envelope says under a status that can mean a ticket, or that there is none.
fn told(status: StatusCode, envelope: &Envelope<'_>, id: &str) -> Meaning {
    let documented = says_not_found(envelope);
    match (ticket(envelope, id), status) {
        (Ok(state), StatusCode::OK) if !documented => Meaning::Ticket(state),
        (Ok(_), _) => Meaning::Other(Oddity::Contradictory),
        (Err(_), _) if documented => Meaning::NotFound(Evidence::Documented),
        (Err(_), StatusCode::NOT_FOUND) if is_error(envelope) => Meaning::NotFound(Evidence::Bare),
        (Err(oddity), StatusCode::OK) => Meaning::Other(oddity),
        (Err(_), _) => Meaning::Other(Oddity::Status),
    }
}

/// The state of the ticket in the envelope, if it is the one asked for.
fn ticket(envelope: &Envelope<'_>, id: &str) -> Result<TicketState, Oddity> {
    // One of the two documented shapes has no `success`, so only another value speaks against.
    if !matches!(envelope.success, Value::Absent | Value::Bool(true))
        || !matches!(envelope.error, Value::Absent | Value::Null | Value::Bool(false))
    {
        return Err(Oddity::Unsuccessful);
    }
    let data = envelope.data.object().ok_or(Oddity::NoTicket)?;
    let mut ids = [&data.mongo_id, &data.id].into_iter().filter(|id| **id != Value::Absent);
    match ids.next() {
        None => Err(Oddity::NoId),
        // Readers differ in which of the two they trust: where there are both, both must be right.
        Some(first) if iter::once(first).chain(ids).all(|found| found.text() == Some(id)) => {
            Ok(state(data.status.text()))
        }
        Some(_) => Err(Oddity::WrongId),
    }
}

fn state(status: Option<&str>) -> TicketState {
    match status {
        Some("open" | "pending" | "in_progress" | "progress") => TicketState::Open,
        Some("resolved" | "closed" | "cancelled") => TicketState::Settled,
        _ => TicketState::Unknown,
    }
}

/// Whether there is one of the members that every documented error has.
fn is_error(envelope: &Envelope<'_>) -> bool {
    [&envelope.code, &envelope.error, &envelope.message].iter().any(|m| **m != Value::Absent)
}

impl From<Flaw> for Oddity {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Empty => Self::Empty,
            Flaw::Malformed => Self::Malformed,
            Flaw::TooDeep => Self::TooDeep,
            Flaw::DuplicateMember => Self::DuplicateMember,
            Flaw::NotAnObject => Self::NotAnObject,
        }
    }
}

impl Oddity {
    /// For logs, metrics and `Cache-Status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::NotJson => "not-json",
            Self::Empty => "empty",
            Self::Malformed => "malformed",
            Self::TooDeep => "too-deep",
            Self::DuplicateMember => "duplicate-member",
            Self::NotAnObject => "not-an-object",
            Self::Unsuccessful => "unsuccessful",
            Self::NoTicket => "no-ticket",
            Self::NoId => "no-id",
            Self::WrongId => "wrong-id",
            Self::Contradictory => "contradictory",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::CONTENT_TYPE;
    use proptest::prelude::*;
    use serde_json::json;

    const ID: &str = "support_ticket_123456789";

    /// The answer on the page the product started from.
    const SEED: &str = r#"{"success":true,"data":{"_id":"support_ticket_123456789",
        "title":"Problema de Integración de API","description":"Obtengo errores 401 al autenticar.",
        "status":"in_progress","priority":"high","category":"technical","client":"client_123456789",
        "assignedTo":"agent_123456789","threads":[{"author":"client_123456789","message":"Errores.",
        "timestamp":"2024-01-15T10:30:00Z","type":"user"},{"author":"agent_123456789","message":
        "He revisado su clave.","timestamp":"2024-01-15T11:00:00Z","type":"agent"}],"attachments":
        [{"filename":"error_logs.txt","url":"https://storage.verifik.co/attachments/error_logs.txt",
        "size":1024,"type":"text/plain"}],"tags":["api","authentication","biometric"],
        "resolution":null,"createdAt":"2024-01-15T10:30:00Z","updatedAt":"2024-01-15T11:00:00Z",
        "resolvedAt":null}}"#;

    const JSON_LIKE: &str = r#"[\[\]{}":,_ida1 \\]{0,8}"#;

    fn typed(status: u16, media_type: &'static str, body: &[u8], id: &str) -> Meaning {
        let fields = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(media_type))]);
        meaning(StatusCode::from_u16(status).unwrap(), &fields, body, id)
    }

    /// Each row is a status, the meaning expected of a GET on ticket `x`, and the body, if any.
    fn check(table: &str) {
        for row in table.lines().map(str::trim).filter(|row| !row.is_empty()) {
            let mut columns = row.splitn(3, ' ');
            let status = columns.next().unwrap().parse().unwrap();
            let expected = columns.next().unwrap();
            let body = columns.next().unwrap_or_default().as_bytes();
            let read = typed(status, "application/json; charset=utf-8", body, "x");
            assert_eq!(format!("{read:?}"), expected, "{row}");
        }
    }

    #[test]
    fn the_documented_answer_is_the_ticket_it_was_asked_for() {
        let open = Meaning::Ticket(TicketState::Open);
        assert_eq!(typed(200, "application/json", SEED.as_bytes(), ID), open);
        let wrong = Meaning::Other(Oddity::WrongId);
        assert_eq!(typed(200, "application/json", SEED.as_bytes(), "support_ticket_1"), wrong);
        for media_type in ["text/html", "text/json", "application/json; charset=utf-16"] {
            let expected = Meaning::Other(Oddity::NotJson);
            assert_eq!(typed(200, media_type, SEED.as_bytes(), ID), expected, "{media_type}");
        }
    }

    #[test]
    fn a_ticket_has_a_state() {
        check(
            r#"
            200 Ticket(Open) {"data":{"_id":"x","status":"open"}}
            200 Ticket(Open) {"data":{"status":"pending","_id":"x"}}
            200 Ticket(Open) {"data":{"_id":"x","status":"in_progress"}}
            200 Ticket(Open) {"data":{"_id":"x","status":"progress"}}
            200 Ticket(Settled) {"data":{"_id":"x","status":"resolved"}}
            200 Ticket(Settled) {"data":{"_id":"x","status":"closed"}}
            200 Ticket(Settled) {"data":{"_id":"x","status":"cancelled"}}
            200 Ticket(Unknown) {"data":{"_id":"x","status":"Closed"}}
            200 Ticket(Unknown) {"data":{"_id":"x","status":null}}
            200 Ticket(Unknown) {"data":{"_id":"x","status":{"open":1}}}
            200 Ticket(Unknown) {"data":{"_id":"x"},"status":"closed"}"#,
        );
    }

    #[test]
    fn a_ticket_is_an_object_with_the_id_asked_for() {
        check(
            r#"
            200 Ticket(Unknown) {"data":{"id":"x"}}
            200 Ticket(Unknown) {"data":{"id":"x","_id":"x"}}
            200 Ticket(Unknown) {"success":true,"error":null,"data":{"_id":"x"}}
            200 Ticket(Unknown) {"message":"ok","code":"OK","data":{"_id":"x"}}
            200 Ticket(Unknown) {"data":{"_id":"x","threads":[{"message":"NotFound"}]}}
            200 Ticket(Unknown) {"data":{"_id":"x","message":"Not found"}}
            200 Other(WrongId) {"data":{"_id":"X"}}
            200 Other(WrongId) {"data":{"_id":7}}
            200 Other(WrongId) {"data":{"_id":"x","id":"y"}}
            200 Other(WrongId) {"data":{"_id":"y","id":"x"}}
            200 Other(WrongId) {"data":{"_id":"x","id":null}}
            200 Other(NoId) {"data":{"ID":"x"},"_id":"x"}
            200 Other(NoId) {"data":{"ticket":{"_id":"x"}}}
            200 Other(NoTicket) {"data":[{"_id":"x"}]}
            200 Other(NoTicket) {"_id":"x"}
            200 Other(Unsuccessful) {"success":false,"data":{"_id":"x"}}
            200 Other(Unsuccessful) {"success":"true","data":{"_id":"x"}}
            200 Other(Unsuccessful) {"error":"no","data":{"_id":"x"}}
            200 Other(DuplicateMember) {"data":{"_id":"x","_id":"x"}}
            200 Other(Malformed) {"data":{"_id":"x"}}{}
            200 Other(Malformed) <html></html>
            200 Other(Empty)
            200 Other(NotAnObject) []
            200 Other(Contradictory) {"code":"NotFound","data":{"_id":"x"}}
            200 Other(Contradictory) {"data":{"_id":"x","code":"404"}}
            404 Other(Contradictory) {"message":"","data":{"_id":"x"}}
            201 Other(Status) {"data":{"_id":"x"}}
            206 Other(Status) {"data":{"_id":"x"}}
            500 Outage {"data":{"_id":"x"}}"#,
        );
    }

    /// The first body is documented without a status, so it counts under all three.
    #[test]
    fn every_documented_not_found_is_understood() {
        check(
            r#"
            404 NotFound(Documented) {"error":"no encontrado","message":"SUPPORT_TICKET_NOT_FOUND"}
            400 NotFound(Documented) {"error":"no encontrado","message":"SUPPORT_TICKET_NOT_FOUND"}
            200 NotFound(Documented) {"error":"not found","message":"SUPPORT_TICKET_NOT_FOUND"}
            404 NotFound(Documented) {"code":"NotFound","message":"Support ticket not found"}
            404 NotFound(Documented) {"code":"NotFound","message":"No support tickets found"}
            404 NotFound(Documented) {"code":"NotFound","message":"Record not found."}
            404 NotFound(Documented) {"code":"NotFound","signature":{"dateTime":"June 16"},"id":"A"}
            404 NotFound(Documented) {"error":"no","message":"PERSON_NOT_FOUND"}
            404 NotFound(Documented) {"error":"no","message":"PROJECT_NOT_FOUND"}
            404 NotFound(Documented) {"error":"no","message":"PROJECT_FLOW_NOT_FOUND"}
            404 NotFound(Documented) {"error":"no","message":"DOCUMENT_VALIDATION_NOT_FOUND"}
            404 NotFound(Documented) {"error":"no","message":"DOCUMENT_LIVENESS_NOT_FOUND"}
            404 NotFound(Documented) {"error":"no","message":"CREDIT_RECORD_NOT_FOUND"}
            404 NotFound(Documented) {"error":"no","message":"APP_REGISTRATION_NOT_FOUND"}
            404 NotFound(Documented) {"success":false,"code":"EMAIL_VALIDATION_NOT_FOUND"}
            404 NotFound(Documented) {"success":false,"code":"PHONE_VALIDATION_NOT_FOUND"}
            404 NotFound(Documented) {"success":false,"code":"BIOMETRIC_VALIDATION_NOT_FOUND"}
            404 NotFound(Documented) {"success":false,"error":"no","code":"LAWYER_NOT_FOUND"}
            404 NotFound(Documented) {"success":false,"error":"no","code":"VOTER_NOT_FOUND"}
            404 NotFound(Documented) {"success":false,"error":"no","code":"VEHICLE_NOT_FOUND"}
            404 NotFound(Documented) {"success":false,"code":"HEALTH_PROFESSIONAL_NOT_FOUND"}
            404 NotFound(Documented) {"code":"x_not_found","message":"404:x_not_found"}
            404 NotFound(Documented) {"code":"NotFound","message":"person_not_found"}
            404 NotFound(Documented) {"code":"NotFound","message":"project_not_found"}
            404 NotFound(Documented) {"code":"NotFound","message":"template_not_found"}
            404 NotFound(Documented) {"code":"NotFound","message":"DocumentValidation_not_found"}
            404 NotFound(Documented) {"code":"NotFound","message":"AppRegistration_not_found"}
            404 NotFound(Documented) {"code":"NotFound","message":"invalid_email"}
            404 NotFound(Documented) {"code":"NotFound","message":"not_found"}
            404 NotFound(Documented) {"code":"NotFound","message":"NotFound"}
            404 NotFound(Documented) {"code":"NotFound","message":"Placa no encontrada"}
            404 NotFound(Documented) {"code":"NotFound","message":"No existe contribuyente"}
            404 NotFound(Documented) {"code":"NotFound","message":"current_owners_dont_match"}
            404 NotFound(Documented) {"code":"404","message":"404"}
            404 NotFound(Documented) {"message":"check_list_not_found","code":"check_list_not_found"}
            404 NotFound(Documented) {"code":"Project_not_found_or_featured_disabled","message":"404:a"}
            404 NotFound(Documented) {"data":{"code":"ERR_ENTITY_NOT_FOUND"}}
            404 NotFound(Documented) {"error":{"message":"no","code":"not_found"},"status":404}
            400 NotFound(Documented) {"code":"NotFound","message":"Record not found."}
            404 NotFound(Bare) {"message":"invalid_collection","code":"ERROR"}
            404 NotFound(Bare) {"code":404}
            404 NotFound(Bare) {"error":"Not Found"}
            404 Other(Status) {}
            404 Other(Empty)
            404 Other(Malformed) Not Found
            410 Other(Status) {"code":"NotFound","message":"not_found"}
            204 Other(Status) {"data":null}
            200 Other(NoTicket) {"data":null}
            200 Other(NoId) {"data":{"records":[],"legend":"none"}}
            200 Other(NoTicket) {"data":[],"total":0}
            200 Other(NoId) {"data":{"isSupported":false}}"#,
        );
        let html = typed(404, "text/html", br#"{"code":"NotFound"}"#, "x");
        assert_eq!(html, Meaning::Other(Oddity::NotJson));
    }

    #[test]
    fn every_other_documented_error_is_understood() {
        check(
            r#"
            401 CredentialDead {"message":"Authentication required","code":"UNAUTHORIZED"}
            401 CredentialDead {"code":"Unauthorized","message":"Invalid token.","signature":{}}
            401 CredentialDead {"error":"Protected resource, use Authorization header"}
            401 CredentialDead {"error":"Unauthorized","message":"UNAUTHORIZED"}
            401 CredentialDead {"error":"Unauthorized"}
            401 CredentialDead <html>
            403 CredentialDead {"message":"token_expired","code":"FORBIDDEN"}
            403 CredentialDead {"code":"Forbidden","message":"expired_token"}
            403 Other(Status) {"message":"Access forbidden","code":"FORBIDDEN"}
            403 Other(Status) {"message":"Access forbidden","code":"Forbidden"}
            403 Other(Status) {"message":"Registration is required to access this service"}
            403 Other(Status) {"message":"Cannot use the API, please contact us."}
            403 Other(Status) {"message":"Client context required","code":"FORBIDDEN"}
            403 Other(Status) {"message":"access_denied","code":"FORBIDDEN"}
            403 Other(Status) {"message":"token_not_right","code":"FORBIDDEN"}
            403 Other(Status) {"message":"otp_does_not_match","code":"FORBIDDEN"}
            403 Other(Status) {"message":"You do not have enought credits","code":"FORBIDDEN"}
            403 Other(Status) {"message":"connect ECONNREFUSED","code":"FORBIDDEN"}
            403 Other(Status) {"message":"person_not_found","code":"FORBIDDEN"}
            403 Other(Status) token_expired
            402 Other(Status) {"error":"Insufficient credits","message":"INSUFFICIENT_CREDITS"}
            409 Other(Status) {"code":"MissingParameter","message":"missing plate\n"}
            409 Outage {"code":"Endpoint_out_of_service","message":"Endpoint_out_of_service"}
            409 Outage {"code":"Conflict","message":"Server_Not_Response_From_Procuraduria"}
            405 Other(Status) {"code":"ERROR","message":"method_not_set"}
            408 Outage
            410 Other(Status) {"success":false,"error":"no","code":"MAX_ATTEMPTS_EXCEEDED"}
            412 Other(Status) {"code":"PreconditionFailed","message":"expired"}
            413 Other(Status) {"error":"no","message":"too large"}
            422 Other(Status) {"code":"UnprocessableEntity","message":"no"}
            429 Limited {"code":"RateLimitExceeded"}
            500 Outage {"code":"InternalServerError","message":"Server error."}
            500 Outage {"message":"internal_error","code":"ERROR"}
            500 Outage {"code":"InternalServerError","message":"404:not_found"}
            504 Outage
            400 Other(Status) {"code":"BadRequest","message":"title is required"}
            400 Other(Status) {"code":"BadRequest","message":"Issue already created"}
            400 Other(Status) {"error":"no","message":"TITLE_REQUIRED"}
            400 Other(Status) {"error":"no","message":"INVALID_PRIORITY"}
            400 Other(Status) {"success":false,"error":"no","code":"INVALID_PARAMETERS"}
            200 Other(Unsuccessful) {"success":false,"error":"no","code":"INVALID_PARAMETERS"}
            200 Other(NoTicket) {"message":"token_expired","code":"FORBIDDEN"}"#,
        );
    }

    #[test]
    fn a_status_alone_says_something() {
        let rows: [(Standing, &[u16]); 7] = [
            (Standing::Fine, &[101, 200, 204, 206, 302, 304]),
            (Standing::CredentialDead, &[401]),
            (Standing::Withdrawn, &[403, 404, 410]),
            (Standing::Unclear, &[409]),
            (Standing::Limited, &[429]),
            (Standing::Refused, &[400, 402, 405, 412, 413, 422, 451]),
            (Standing::Outage, &[408, 500, 502, 503, 504, 599, 600, 999]),
        ];
        for (expected, statuses) in rows {
            for &status in statuses {
                let read = standing(StatusCode::from_u16(status).unwrap());
                assert_eq!(read, expected, "{status}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_ticket_is_never_recognised_for_another_id(
            status in prop_oneof![Just(200), 100..1000_u16],
            other in "[A-Za-z0-9_-]{1,24}",
            cuts in prop::collection::vec((0..1000_usize, 0..40_usize, JSON_LIKE), 0..4),
        ) {
            let mut body = SEED.as_bytes().to_vec();
            for (start, length, instead) in cuts {
                let start = start.min(body.len());
                body.splice(start..body.len().min(start + length), instead.bytes());
            }
            for id in [ID, &other] {
                if let Meaning::Ticket(_) = typed(status, "application/json", &body, id) {
                    let tree: serde_json::Value = serde_json::from_slice(&body).unwrap();
                    let named = [&tree["data"]["_id"], &tree["data"]["id"]];
                    prop_assert!(status == 200 && named.into_iter().any(|name| name == id));
                }
            }
        }

        #[test]
        fn a_ticket_is_recognised_among_any_members(
            id in "[A-Za-z0-9_-]{1,128}", name in "[a-z]{5}", text: String, number: f64,
        ) {
            let filler = json!([{"_id": text, "message": "NotFound"}, number, null, [[]]]);
            let ticket = json!({name.as_str(): filler, "title": text, "_id": id});
            let body = json!({"aaa": filler, name.as_str(): filler, "data": ticket, "zzz": text});
            let read = typed(200, "application/json", body.to_string().as_bytes(), &id);
            prop_assert_eq!(read, Meaning::Ticket(TicketState::Unknown));
        }
    }
}
