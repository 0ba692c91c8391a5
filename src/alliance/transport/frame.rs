//! The one message of the wire, in Protocol Buffers' form: `message Frame { bytes body = 1; }`.

use bytes::{Buf, BufMut, Bytes};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// Field 1, bytes.
const TAG: u8 = 1 << 3 | 2;
/// The most bytes of tag and length.
pub(super) const HEAD_BYTES_MAX: usize = 6;

/// Writes and reads frames.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FrameCodec;

impl Codec for FrameCodec {
    type Encode = Vec<u8>;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for FrameCodec {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, body: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.reserve(HEAD_BYTES_MAX + body.len());
        write(&body, out);
        Ok(())
    }
}

impl Decoder for FrameCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        read(from).map(Some).map_err(Status::invalid_argument)
    }
}

fn write(body: &[u8], out: &mut impl BufMut) {
    // An empty field is left out.
    if body.is_empty() {
        return;
    }
    out.put_u8(TAG);
    let mut len = body.len();
    while len >= 1 << 7 {
        out.put_u8(len as u8 | 1 << 7);
        len >>= 7;
    }
    out.put_u8(len as u8);
    out.put_slice(body);
}

/// Reads a frame that fills the buffer.
fn read(from: &mut impl Buf) -> Result<Bytes, &'static str> {
    if !from.has_remaining() {
        return Ok(Bytes::new());
    }
    if from.get_u8() != TAG {
        return Err("a frame begins with its field 1, bytes");
    }
    let mut len = 0u64;
    for place in 0..HEAD_BYTES_MAX - 1 {
        if !from.has_remaining() {
            return Err("a frame ends within its length");
        }
        let byte = from.get_u8();
        len |= u64::from(byte & 0x7F) << (7 * place);
        if byte < 1 << 7 {
            if len != from.remaining() as u64 {
                return Err("a frame's body is as long as it says, and nothing follows");
            }
            return Ok(from.copy_to_bytes(from.remaining()));
        }
    }
    Err("a frame's length has at most five bytes")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{read, write};

    #[test]
    fn a13_frames_are_those_of_protocol_buffers() {
        // What `protoc --encode` writes for bodies of 0, 3 and 300 bytes.
        let known: [(usize, &[u8]); 3] = [(0, b""), (3, b"\x0a\x03"), (300, b"\x0a\xac\x02")];
        for (len, head) in known {
            let body = vec![b'a'; len];
            let mut out = vec![];
            write(&body, &mut out);
            assert_eq!(out, [head, &body].concat());
            assert_eq!(read(&mut Bytes::from(out)), Ok(Bytes::from(body)));
        }
    }

    #[test]
    fn a13_what_is_no_frame_is_refused() {
        let refused: [(&[u8], &str); 7] = [
            (b"\x0b\x00", "a frame begins with its field 1, bytes"),
            (b"\x0a", "a frame ends within its length"),
            (b"\x0a\xff\xff", "a frame ends within its length"),
            (b"\x0a\x02x", "a frame's body is as long as it says, and nothing follows"),
            (b"\x0a\x01xy", "a frame's body is as long as it says, and nothing follows"),
            (b"\x0a\x80\x80\x80\x80\x80\x01", "a frame's length has at most five bytes"),
            (b"\x0a\xff\xff\xff\xff\x7f", "a frame's body is as long as it says, and nothing follows"),
        ];
        for (bytes, reason) in refused {
            assert_eq!(read(&mut Bytes::from_static(bytes)), Err(reason), "{bytes:02x?}");
        }
    }
}
