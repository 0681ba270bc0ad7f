//! Short answers as one piece: head and body are copied together and written by a plain write.
//!
//! hyper hands a head and its body over as two parts, for one vectored write. That costs the kernel
//! more than copying a kilobyte costs us (`docs/performance.md`); what is longer is not copied.

use std::io;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

/// Up to so many octets are copied together. A ticket and its head take about 1 600.
const SHORT: usize = 4 * 1024;

/// Writes these parts in their order, or the beginning of them: joined, if they are short. Whoever is
/// told that nothing could be written comes with the same ones again.
pub(crate) fn write<W: AsyncWrite + Unpin>(
    io: &mut W,
    cx: &mut Context<'_>,
    parts: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let length = parts.iter().map(|part| part.len()).fold(0, usize::saturating_add);
    if parts.len() < 2 || length > SHORT {
        return Pin::new(io).poll_write_vectored(cx, parts);
    }
    let mut room = [MaybeUninit::uninit(); SHORT];
    let mut joined = ReadBuf::uninit(&mut room);
    for part in parts {
        joined.put_slice(part);
    }
    Pin::new(io).poll_write(cx, joined.filled())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::iter;
    use std::task::Waker;

    /// Writes at most so many octets at a time, and knows how each write came.
    struct Taking {
        most: usize,
        taken: Vec<u8>,
        /// How many parts each write had.
        parts: Vec<usize>,
    }

    impl AsyncWrite for Taking {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            octets: &[u8],
        ) -> Poll<io::Result<usize>> {
            let taken = octets.get(..self.most).unwrap_or(octets);
            self.taken.extend_from_slice(taken);
            self.parts.push(1);
            Poll::Ready(Ok(taken.len()))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            parts: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let octets = parts.iter().flat_map(|part| part.iter().copied());
            let taken: Vec<u8> = octets.take(self.most).collect();
            self.taken.extend_from_slice(&taken);
            self.parts.push(parts.len());
            Poll::Ready(Ok(taken.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Writes it all, as hyper does: what was taken is left out the next time.
    fn written(most: usize, head: usize, body: usize) -> (Vec<usize>, bool) {
        let octets: Vec<u8> = iter::successors(Some(0_u8), |octet| Some(octet.wrapping_add(1)))
            .take(head + body)
            .collect();
        let mut io = Taking { most, taken: Vec::new(), parts: Vec::new() };
        while io.taken.len() < octets.len() {
            let taken = io.taken.len();
            let parts = [&octets[taken.min(head)..head], &octets[taken.max(head)..]];
            let parts = parts.map(IoSlice::new);
            let rest: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            let wrote = write(&mut io, &mut Context::from_waker(Waker::noop()), &rest);
            let Poll::Ready(Ok(wrote)) = wrote else { panic!("{wrote:?}") };
            assert_eq!(io.taken.len(), taken + wrote);
        }
        (io.parts, io.taken == octets)
    }

    #[test]
    fn short_parts_are_written_as_one_and_long_ones_are_not_copied() {
        for (head, body, parts) in
            [(250, 1_308, 1), (SHORT - 1, 1, 1), (SHORT, 1, 2), (250, 300_000, 2)]
        {
            assert_eq!(written(usize::MAX, head, body), (vec![parts], true), "{head} {body}");
        }
    }

    #[test]
    fn what_is_written_in_part_is_written_whole_in_the_end() {
        for most in [1, 7, 250, 251, 1_000] {
            let (_, is_whole) = written(most, 250, 1_308);
            assert!(is_whole, "{most}");
            let (_, is_whole) = written(most, 250, 5_000);
            assert!(is_whole, "{most}");
        }
    }
}
