//! Raw bytes of columns, for the frames between a host and its worker process.
//!
//! Numbers are little-endian and unframed: a column is its length and its bytes. Reading never trusts a length.

use abi_stable::std_types::RVec;
use heirloom_model::ComponentError;

/// What can be written into a frame and read back.
pub trait Wire: Sized {
    /// How many bytes [`write`](Self::write) appends.
    fn n_bytes(&self) -> usize;

    /// Appends the value.
    fn write(&self, out: &mut Vec<u8>);

    /// Takes the value from the front of `input`.
    fn read(input: &mut &[u8]) -> Result<Self, ComponentError>;

    /// Takes the value that fills `input` to its end.
    fn read_all(mut input: &[u8]) -> Result<Self, ComponentError> {
        let value = Self::read(&mut input)?;
        if input.is_empty() { Ok(value) } else { Err(malformed("bytes are left over")) }
    }
}

/// The other side sent something that is no message.
pub(crate) fn malformed(what: &str) -> ComponentError {
    ComponentError::failed(format!("malformed message across the plugin boundary: {what}"))
}

fn take<'a>(input: &mut &'a [u8], n: usize) -> Result<&'a [u8], ComponentError> {
    let (front, rest) = input.split_at_checked(n).ok_or_else(|| malformed("it is cut short"))?;
    *input = rest;
    Ok(front)
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Wire for $number {
            fn n_bytes(&self) -> usize {
                size_of::<Self>()
            }

            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn read(input: &mut &[u8]) -> Result<Self, ComponentError> {
                let bytes = take(input, size_of::<Self>())?;
                Ok(Self::from_le_bytes(bytes.try_into().expect("as many bytes as the number has")))
            }
        }

        impl Wire for RVec<$number> {
            fn n_bytes(&self) -> usize {
                size_of::<u64>() + self.len() * size_of::<$number>()
            }

            fn write(&self, out: &mut Vec<u8>) {
                (self.len() as u64).write(out);
                let start = out.len();
                out.resize(start + self.len() * size_of::<$number>(), 0);
                let (places, _) = out[start..].as_chunks_mut();
                for (place, number) in places.iter_mut().zip(self) {
                    *place = number.to_le_bytes();
                }
            }

            fn read(input: &mut &[u8]) -> Result<Self, ComponentError> {
                let n = u64::read(input)? as usize;
                let n_bytes = n.checked_mul(size_of::<$number>()).ok_or_else(|| malformed("a length overflows"))?;
                let (places, _) = take(input, n_bytes)?.as_chunks();
                Ok(places.iter().map(|place| <$number>::from_le_bytes(*place)).collect::<Vec<_>>().into())
            }
        }
    )*};
}

numbers!(u8, u64, f64);

impl Wire for [u8; 32] {
    fn n_bytes(&self) -> usize {
        self.len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn read(input: &mut &[u8]) -> Result<Self, ComponentError> {
        Ok(take(input, 32)?.try_into().expect("32 bytes were taken"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_back_and_cut_ones_are_refused() {
        let mut bytes = Vec::new();
        let column = RVec::from(vec![0.5, f64::NEG_INFINITY, -0.0]);
        column.write(&mut bytes);
        assert_eq!(RVec::<f64>::read_all(&bytes).unwrap(), column);
        for n in 0..bytes.len() {
            assert!(RVec::<f64>::read_all(&bytes[..n]).is_err(), "{n} bytes");
        }
        bytes.push(0);
        assert!(RVec::<f64>::read_all(&bytes).is_err());
        assert!(RVec::<u64>::read_all(&u64::MAX.to_le_bytes()).is_err());
    }
}
