//! Who leaves when every connection is taken and another one comes (threats.md D1).
//!
//! Only those are asked to leave who have nothing under way: they are kept for a next request, or
//! have not finished sending one. Whoever holds most connections loses first, so that a crowd from one
//! place costs the others nothing; and of that one's connections first those that have had the time
//! to ask for something and never did, then the one that has been waited for longest.

use crate::base::time::Timestamp;
use core::net::IpAddr;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::HashMap;
use std::time::Duration;

/// From where a connection comes: one IPv4 address, or 64 bits of an IPv6 one, since whoever has one
/// of those has them all (RFC 6177). Or this machine, over a socket in the file system.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Peer(Option<u64>);

impl Peer {
    /// Whoever comes over a socket in the file system: such clients have no address to tell them apart
    /// by.
    pub const LOCAL: Self = Self(None);
}

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        let network = match address.to_canonical() {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            // No address outside ::/64 begins with so many zeros, and inside it there is the loopback.
            IpAddr::V6(address) => u64::try_from(address.to_bits() >> 64).unwrap_or_default(),
        };
        Self(Some(network))
    }
}

/// An open connection.
#[derive(Clone, Copy, Debug)]
pub struct Guest {
    /// From where it comes.
    pub peer: Peer,
    /// Since when its client has been waited for; `None` while the client waits for us.
    pub waits_since: Option<Timestamp>,
    /// Whether it has ever sent a whole request.
    pub has_asked: bool,
}

/// Within which a client that means well sends its first request.
const PATIENCE: Duration = Duration::from_secs(1);

/// The places in `guests` of those who leave, at most so many, in this order.
pub fn leaving(guests: &[Guest], most: usize, now: Timestamp) -> Vec<usize> {
    let mut peers: HashMap<Peer, Holder> = HashMap::new();
    for (place, guest) in guests.iter().enumerate() {
        let holder = peers.entry(guest.peer).or_default();
        holder.holds += 1;
        holder.waiting.extend(guest.worth(now).map(|worth| Reverse((worth, place))));
    }
    let mut holders: BinaryHeap<(usize, Reverse<Worth>, Peer)> =
        peers.iter().filter_map(|(peer, holder)| holder.rank(*peer)).collect();
    let mut leaving = Vec::with_capacity(most.min(guests.len()));
    while leaving.len() < most
        && let Some((_, _, peer)) = holders.pop()
        && let Some(holder) = peers.get_mut(&peer)
    {
        holder.holds -= 1;
        leaving.extend(holder.waiting.pop().map(|Reverse((_, place))| place));
        holders.extend(holder.rank(peer));
    }
    leaving
}

/// What speaks for a connection: the least leave first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Worth {
    /// It has asked for something, or has had no time to.
    is_in_use: bool,
    waits_since: Timestamp,
}

impl Guest {
    fn worth(&self, now: Timestamp) -> Option<Worth> {
        let waits_since = self.waits_since?;
        let is_in_use = self.has_asked || now.since(waits_since) < PATIENCE;
        Some(Worth { is_in_use, waits_since })
    }
}

/// Who holds connections.
#[derive(Default)]
struct Holder {
    holds: usize,
    /// Those that are waited for.
    waiting: BinaryHeap<Reverse<(Worth, usize)>>,
}

impl Holder {
    /// Where it stands among those who could lose one.
    fn rank(&self, peer: Peer) -> Option<(usize, Reverse<Worth>, Peer)> {
        let Reverse((worth, _)) = self.waiting.peek()?;
        Some((self.holds, Reverse(*worth), peer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_secs(100);

    fn guest(peer: u64, waits_since: Option<u64>, has_asked: bool) -> Guest {
        let waits_since = waits_since.map(Timestamp::from_secs);
        Guest { peer: Peer(Some(peer)), waits_since, has_asked }
    }

    #[test]
    fn who_holds_most_loses_what_was_waited_for_longest() {
        let rows: &[(&[(u64, Option<u64>)], usize, &[usize])] = &[
            (&[], 1, &[]),
            (&[(1, None)], 1, &[]),
            (&[(1, Some(5))], 1, &[0]),
            (&[(1, Some(5))], 0, &[]),
            (&[(1, Some(5)), (1, Some(4)), (1, Some(6))], 1, &[1]),
            (&[(1, Some(5)), (1, Some(4)), (1, Some(6))], 2, &[1, 0]),
            (&[(1, Some(5)), (1, None), (2, Some(1))], 1, &[0]),
            (&[(1, None), (1, None), (2, Some(1))], 1, &[2]),
            (&[(1, Some(1)), (2, Some(0)), (2, Some(3)), (2, Some(2))], 4, &[1, 3, 0, 2]),
        ];
        for (guests, most, expected) in rows {
            let list = guests.iter().map(|(peer, since)| guest(*peer, *since, true));
            let list: Vec<_> = list.collect();
            assert_eq!(leaving(&list, *most, NOW), *expected, "{most} of {guests:?}");
        }
    }

    #[test]
    fn who_never_asked_though_there_was_time_goes_first() {
        let list = [(1, 90, true), (1, 98, false), (1, 99, false), (1, 100, false), (1, 95, true)];
        let list = list.map(|(peer, since, has_asked)| guest(peer, Some(since), has_asked));
        assert_eq!(leaving(&list, 5, NOW), [1, 2, 0, 4, 3]);
    }

    #[test]
    fn a_peer_is_an_address_or_a_network_that_somebody_has_as_a_whole() {
        let peer = |address: &str| Peer::from(address.parse::<IpAddr>().unwrap());
        for (one, other, same) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::1", "127.0.0.1", false),
        ] {
            assert_eq!(peer(one) == peer(other), same, "{one} {other}");
        }
        assert!(["0.0.0.0", "::", "::1"].iter().all(|address| peer(address) != Peer::LOCAL));
    }

    proptest! {
        #[test]
        fn nobody_leaves_who_is_busy_and_nobody_who_holds_less_than_those_who_stay(
            list in vec((0_u64..5, proptest::option::of(50_u64..101), any::<bool>()), 0..60),
            most in 0_usize..70,
        ) {
            let guests = list.iter().map(|(peer, since, asked)| guest(*peer, *since, *asked));
            let guests: Vec<_> = guests.collect();
            let places = leaving(&guests, most, NOW);
            let waiting = guests.iter().filter(|guest| guest.waits_since.is_some()).count();
            prop_assert_eq!(places.len(), most.min(waiting));
            let mut left = guests.clone();
            let holds = |left: &[Guest], peer| left.iter().filter(|guest| guest.peer == peer).count();
            for place in places {
                let gone = guests[place];
                prop_assert!(gone.waits_since.is_some());
                let could = left.iter().filter(|guest| guest.waits_since.is_some());
                for other in could {
                    prop_assert!(holds(&left, gone.peer) >= holds(&left, other.peer));
                    if other.peer == gone.peer {
                        prop_assert!(gone.worth(NOW) <= other.worth(NOW));
                    }
                }
                let is_it = |guest: &Guest| (guest.peer, guest.worth(NOW)) == (gone.peer, gone.worth(NOW));
                left.remove(left.iter().position(is_it).unwrap());
            }
        }
    }
}
