//! Reads a request body, which must be JSON and within the limits on size and time.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt;

use super::error::ApiError;

/// Multiple of the size limit up to which an oversized body is read and discarded. A client that is
/// still sending its body would not read the error response.
const THROWN_AWAY: usize = 8;

/// Reads a body of at most `most` bytes, within `time`.
pub async fn read(request: Request, most: usize, time: Duration) -> Result<Vec<u8>, ApiError> {
    let (parts, body) = request.into_parts();
    if !is_json(&parts.headers) {
        let message = "the request body must be JSON: send `Content-Type: application/json`";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let Ok(read) = tokio::time::timeout(time, collect(body, most)).await else {
        let message =
            format!("the request body took longer than {} seconds to arrive", time.as_secs_f32());
        return Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, message));
    };
    read
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

async fn collect(body: Body, most: usize) -> Result<Vec<u8>, ApiError> {
    let (mut pieces, mut read, mut size) = (body.into_data_stream(), Vec::new(), 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| {
            ApiError::new(StatusCode::BAD_REQUEST, format!("cannot read the body: {error}"))
        })?;
        size += piece.len();
        if size <= most {
            read.extend_from_slice(&piece);
        } else if size > most.saturating_mul(THROWN_AWAY) {
            break;
        }
    }
    if size > most {
        let message = format!("the request body is larger than {most} bytes");
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    Ok(read)
}
