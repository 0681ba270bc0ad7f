//! The machine constants of the API's errors. Prose is never matched: it is localised.
//!
//! The error families put them into `message` or into `code`, at the top or one level down in
//! `error` or `data`; so all six places count alike.

use crate::api::envelope::Envelope;
use crate::api::envelope::Value;

/// Whether one of the documented words for "there is no such thing" is said.
pub fn says_not_found(envelope: &Envelope<'_>) -> bool {
    parts(envelope).any(|part| part.code.text() == Some("404")) || says(envelope, is_not_found)
}

/// Whether the credential is said to have expired; a revoked one is told the same. Other words,
/// such as those for missing credits or a failure while authorising, leave a credential as good as
/// it was.
pub fn says_dead_credential(envelope: &Envelope<'_>) -> bool {
    says(envelope, |word| matches!(word, "token_expired" | "expired_token"))
}

/// Whether what stands behind the API is said to be unavailable.
pub fn says_out_of_service(envelope: &Envelope<'_>) -> bool {
    says(envelope, |word| {
        word == "Endpoint_out_of_service" || word.starts_with("Server_Not_Response_From_")
    })
}

fn says(envelope: &Envelope<'_>, is_meant: fn(&str) -> bool) -> bool {
    let words = parts(envelope).flat_map(|part| [&part.message, &part.code]);
    words.filter_map(Value::text).any(is_meant)
}

fn parts<'e, 'a>(envelope: &'e Envelope<'a>) -> impl Iterator<Item = &'e Envelope<'a>> {
    [Some(envelope), envelope.error.object(), envelope.data.object()].into_iter().flatten()
}

/// `NotFound`, `SUPPORT_TICKET_NOT_FOUND`, `template_not_found`, `404:x_not_found` and their like.
fn is_not_found(word: &str) -> bool {
    let in_constant = |octet: u8| octet.is_ascii_alphanumeric() || b"_-.:".contains(&octet);
    let last =
        |end| word.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'));
    let reason = word.strip_prefix("404:").unwrap_or_default();
    word.bytes().all(in_constant)
        && (word == "NotFound" || last("NOT_FOUND") || last("not_found") || !reason.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::envelope::read;

    #[test]
    fn only_a_constant_says_not_found() {
        let constants = "NotFound NOT_FOUND not_found SUPPORT_TICKET_NOT_FOUND 404:x_not_found
            DocumentValidation_not_found AppRegistration_not_found ERR_ENTITY_NOT_FOUND
            check_list_not_found 404:Project_not_found_or_featured_disabled 404:a";
        for word in constants.split_whitespace() {
            assert!(is_not_found(word), "{word}");
        }
        let prose = [
            "",
            "404",
            "404:",
            "404: not found",
            "404:no such thing",
            "Not found",
            "notfound",
            "NOTFOUND",
            "NotFound ",
            "NotFoundError",
            "TICKETNOT_FOUND",
            "Not_Found",
            "support ticket_not_found",
            "Support ticket not found",
            "Ticket de soporte no encontrado",
            "x_not_found_y",
            "é_not_found",
            "invalid_collection",
            "invalid_email",
            "current_owners_dont_match",
            "X_NOT_FOUND\n",
        ];
        for word in prose {
            assert!(!is_not_found(word), "{word:?}");
        }
    }

    #[test]
    fn a_constant_counts_in_six_places() {
        let rows = [
            (r#"{"message":"token_expired"}"#, true),
            (r#"{"code":"token_expired","message":"no"}"#, true),
            (r#"{"error":{"message":"expired_token"}}"#, true),
            (r#"{"error":{"code":"expired_token"}}"#, true),
            (r#"{"data":{"message":"token_expired"}}"#, true),
            (r#"{"data":{"code":"token\u005fexpired"}}"#, true),
            (r#"{"error":"token_expired"}"#, false),
            (r#"{"data":"token_expired"}"#, false),
            (r#"{"message":{"code":"token_expired"}}"#, false),
            (r#"{"data":{"error":{"code":"token_expired"}}}"#, false),
            (r#"{"data":[{"code":"token_expired"}]}"#, false),
            (r#"{"x":{"code":"token_expired"}}"#, false),
            (r#"{"message":"token_expired "}"#, false),
            (r#"{"message":"TOKEN_EXPIRED"}"#, false),
            (r#"{"message":["token_expired"]}"#, false),
        ];
        for (body, expected) in rows {
            assert_eq!(says_dead_credential(&read(body.as_bytes()).unwrap()), expected, "{body}");
        }
    }

    #[test]
    fn an_outage_may_name_who_is_out() {
        for (word, expected) in [
            ("Endpoint_out_of_service", true),
            ("Server_Not_Response_From_Procuraduria", true),
            ("endpoint_out_of_service", false),
            ("Conflict", false),
        ] {
            let body = format!(r#"{{"code":"Conflict","message":"{word}"}}"#);
            assert_eq!(says_out_of_service(&read(body.as_bytes()).unwrap()), expected, "{word}");
        }
    }
}
