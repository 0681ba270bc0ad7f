//! Which of the ticket API's endpoints a path names.

/// The documented endpoints, with and without `/v2`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Endpoint<'a> {
    /// `/support-tickets`: the list, and where tickets are created.
    Tickets,
    /// `…/insert`: where they are created too.
    Insert,
    /// `…/bulk`: many are deleted.
    Bulk,
    /// `…/threads/seen`: threads are marked as read.
    Seen,
    /// `…/{id}`
    Ticket(&'a str),
    /// `…/{id}/thread`: a message is added.
    Thread(&'a str),
    /// `/attachments`: files are uploaded.
    Attachments,
    /// No endpoint of the ticket API.
    Elsewhere,
}

impl<'a> Endpoint<'a> {
    /// Reads a path. A ticket's id is any segment that is not empty and not a literal.
    pub fn read(path: &'a str) -> Self {
        let path = path.strip_prefix("/v2").unwrap_or(path);
        if path == "/attachments" {
            return Self::Attachments;
        }
        match path.strip_prefix("/support-tickets") {
            Some("") => Self::Tickets,
            Some("/insert") => Self::Insert,
            Some("/bulk") => Self::Bulk,
            Some("/threads/seen") => Self::Seen,
            Some(rest) => Self::below_ticket(rest),
            None => Self::Elsewhere,
        }
    }

    /// Ids that begin with `slow` are answered late.
    pub fn is_slow(self) -> bool {
        match self {
            Self::Ticket(id) | Self::Thread(id) => id.starts_with("slow"),
            _ => false,
        }
    }

    fn below_ticket(rest: &'a str) -> Self {
        let mut segments = rest.split('/');
        match (segments.next(), segments.next(), segments.next(), segments.next()) {
            (Some(""), Some(id), None, None) if !id.is_empty() => Self::Ticket(id),
            (Some(""), Some(id), Some("thread"), None) => Self::Thread(id),
            _ => Self::Elsewhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_endpoints_with_and_without_v2() {
        let rows = [
            ("/support-tickets", Endpoint::Tickets),
            ("/support-tickets/insert", Endpoint::Insert),
            ("/support-tickets/bulk", Endpoint::Bulk),
            ("/support-tickets/threads/seen", Endpoint::Seen),
            ("/support-tickets/a", Endpoint::Ticket("a")),
            ("/support-tickets/threads", Endpoint::Ticket("threads")),
            ("/support-tickets/a/thread", Endpoint::Thread("a")),
            ("/attachments", Endpoint::Attachments),
            ("/support-tickets/", Endpoint::Elsewhere),
            ("/support-tickets/a/", Endpoint::Elsewhere),
            ("/support-tickets/a/b", Endpoint::Elsewhere),
            ("/support-tickets/a/thread/", Endpoint::Elsewhere),
            ("/support-ticketsa", Endpoint::Elsewhere),
            ("/cedula", Endpoint::Elsewhere),
            ("", Endpoint::Elsewhere),
        ];
        for (path, endpoint) in rows {
            assert_eq!(Endpoint::read(path), endpoint, "{path}");
            assert_eq!(Endpoint::read(&format!("/v2{path}")), endpoint, "/v2{path}");
            assert_eq!(Endpoint::read(&format!("/v3{path}")), Endpoint::Elsewhere, "/v3{path}");
        }
    }

    #[test]
    fn only_slow_ids_are_slow() {
        let rows = [("slow_1", true), ("slow/thread", true), ("a", false), ("bulk", false)];
        for (rest, slow) in rows {
            assert_eq!(
                Endpoint::read(&format!("/support-tickets/{rest}")).is_slow(),
                slow,
                "{rest}"
            );
        }
    }
}
