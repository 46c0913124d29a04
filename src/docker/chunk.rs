//! The body of an HTTP answer, a piece at a time.

use std::future::poll_fn;
use std::pin::Pin;

use hyper::body::{Body as _, Bytes, Frame, Incoming};

/// The next bytes of an answer; `None` at its end.
///
/// # Errors
/// What broke the connection, or its rules.
pub(crate) async fn chunk(body: &mut Incoming) -> Result<Option<Bytes>, hyper::Error> {
    loop {
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
        match frame.transpose()?.map(Frame::into_data) {
            Some(Ok(bytes)) => return Ok(Some(bytes)),
            // Trailers say nothing that anybody asked for.
            Some(Err(_)) => {}
            None => return Ok(None),
        }
    }
}
