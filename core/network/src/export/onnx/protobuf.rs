//! As much of Protocol Buffers as ONNX needs: fields by number, written one after another.

/// ONNX's number for 32-bit floating-point tensors.
pub(super) const FLOAT: i64 = 1;
/// ONNX's number for 64-bit integer tensors.
pub(super) const INT64: i64 = 7;

/// A message in the making. A field is its number and kind, then its content.
#[derive(Debug, Clone, Default)]
pub(super) struct Message(Vec<u8>);

/// Kinds of content.
const VARINT: u64 = 0;
const DELIMITED: u64 = 2;
const FIXED_32: u64 = 5;

impl Message {
    pub(super) fn int(&mut self, field: u64, value: i64) {
        self.key(field, VARINT);
        // Negative numbers are written as their two's complement.
        self.varint(value.cast_unsigned());
    }

    pub(super) fn float(&mut self, field: u64, value: f32) {
        self.key(field, FIXED_32);
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.key(field, DELIMITED);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    pub(super) fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    pub(super) fn message(&mut self, field: u64, message: &Self) {
        self.bytes(field, &message.0);
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn key(&mut self, field: u64, kind: u64) {
        self.varint(field << 3 | kind);
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// A tensor by name.
pub(super) fn tensor(name: &str, kind: i64, shape: &[usize], little_endian: &[u8]) -> Message {
    let mut tensor = Message::default();
    shape.iter().for_each(|&size| tensor.int(1, size as i64));
    tensor.int(2, kind);
    tensor.text(8, name);
    tensor.bytes(9, little_endian);
    tensor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_published_encoding() {
        let mut message = Message::default();
        message.int(1, 150);
        assert_eq!(message.into_bytes(), [0x08, 0x96, 0x01]);
        let mut message = Message::default();
        message.text(2, "testing");
        assert_eq!(message.clone().into_bytes(), *b"\x12\x07testing");
        let mut message = Message::default();
        message.int(1, -2);
        assert_eq!(message.into_bytes(), [0x08, 0xfe, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
    }
}
