//! Attacks on the line to the host.

use std::fs::File;
use std::io::Write as _;
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;
use std::time::Duration;

/// Where a worker has its socket.
const SOCKET: i32 = 3;

/// The numbers of the frames that it sends.
const DONE: u8 = 32;
const LOG: u8 = 36;

fn socket() -> ManuallyDrop<File> {
    // SAFETY: a worker's socket; it is not closed here.
    ManuallyDrop::new(unsafe { File::from_raw_fd(SOCKET) })
}

fn send(bytes: &[u8]) {
    // A host that has hung up has contained the attack.
    let _ = socket().write_all(bytes);
}

pub(crate) fn sleep() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3_600));
    }
}

pub(crate) fn close() -> ! {
    for descriptor in SOCKET..1_024 {
        // SAFETY: that others use them is the attack.
        unsafe { libc::close(descriptor) };
    }
    sleep()
}

pub(crate) fn garbage() -> ! {
    send(&[7, 0, 0, 0, 199, 1, 2, 3, 4, 5, 6, 7]);
    sleep()
}

pub(crate) fn long() -> ! {
    send(&[255, 255, 255, 255, DONE]);
    loop {
        send(&[0; 1 << 16]);
    }
}

pub(crate) fn slow() -> ! {
    send(&[255, 255, 0, 0, DONE]);
    loop {
        send(&[0]);
        std::thread::sleep(Duration::from_millis(3));
    }
}

pub(crate) fn chatter() -> ! {
    loop {
        send(&[1, 0, 0, 0, LOG, 0].repeat(1_000));
    }
}

pub(crate) fn deaf() -> ! {
    // No proposals: the header of an empty answer; what the host makes of it is its business.
    send(&[0, 0, 0, 0, DONE]);
    sleep()
}
