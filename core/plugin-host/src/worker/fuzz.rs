//! What comes over the line is not trusted: random frames are refused, or mean something; neither ends in a panic, and
//! neither takes more memory than what was sent pays for.

use std::io::{self, Read};

use heirloom_model::{EstimatorInfo, ProxyInfo, Rng, Seed};
use heirloom_plugin_abi::columns::{
    self, Ask, Candidates, Knowledge, Observations, Outcomes, Proposals, Report, Requests, Scoring,
};
use heirloom_plugin_abi::{Wire, read_problem, read_space};

use super::frame::{FrameReader, HEADER, MAX_BODY, Verb, frame_of, new_frame, seal};
use super::memory;
use super::message::{Create, LogEvent, WrittenError, read, write};

const N_FRAMES: u64 = 1_000_000;

/// How much memory a frame may take: for each byte that was sent, and beside that.
const PER_BYTE: usize = 64;
const BESIDE: usize = 1 << 20;

/// Bytes as a socket gives them: in pieces.
struct Pieces<'a>(&'a [u8]);

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = out.len().min(self.0.len()).min(64);
        let (front, rest) = self.0.split_at(n);
        out[..n].copy_from_slice(front);
        self.0 = rest;
        Ok(n)
    }
}

/// A body through every parser that either side may put it through; how many could read it.
fn parse(body: &[u8]) -> usize {
    let mut scores = [0.0; 3];
    [
        // What a host reads.
        Proposals::read_all(body).and_then(|columns| columns.to_model()).is_ok(),
        Outcomes::read_all(body).and_then(|columns| columns.to_model()).is_ok(),
        Report::read_all(body).map(|columns| columns.to_model()).is_ok(),
        Candidates::read_all(body).and_then(|columns| columns.to_model()).is_ok(),
        columns::read_scores(body, &mut scores).is_ok(),
        read::<WrittenError>(body).is_ok(),
        read::<LogEvent>(body).is_ok(),
        serde_json::from_slice::<EstimatorInfo>(body).is_ok(),
        serde_json::from_slice::<ProxyInfo>(body).is_ok(),
        // What a worker reads.
        read::<Create>(body).is_ok(),
        Ask::read_all(body).and_then(|columns| columns.pending()).is_ok(),
        Observations::read_all(body).and_then(|columns| columns.to_model()).is_ok(),
        Knowledge::read_all(body).and_then(|columns| columns.to_model()).is_ok(),
        Requests::read_all(body).and_then(|columns| columns.to_model()).is_ok(),
        Scoring::read_all(body).and_then(|columns| columns.to_model()).is_ok(),
        read_problem(body).is_ok(),
        read_space(body).is_ok(),
    ]
    .into_iter()
    .filter(|is_read| *is_read)
    .count()
}

/// Honest frames of every kind, to be bent.
fn honest() -> Vec<Vec<u8>> {
    let column = |n: usize| (0..n).map(|index| index as f64).collect::<Vec<_>>();
    let proposals = Proposals {
        n: 3,
        configurations: column(6).into(),
        parents: vec![u64::MAX; 3].into(),
        continues: vec![7; 3].into(),
        ..Proposals::default()
    };
    let mut outcomes =
        Outcomes { objectives: column(2).into(), costs: column(2).into(), ..Outcomes::default() };
    outcomes.failures = vec![0, 4].into();
    outcomes.messages.ends = vec![0, 0].into();
    outcomes.stopped = vec![0, 1].into();
    outcomes.curve_ends = vec![1, 1].into();
    outcomes.curve_steps = column(1).into();
    outcomes.curve_objectives = column(1).into();
    outcomes.curve_costs = column(1).into();
    outcomes.metric_ends = vec![0, 0].into();
    let scoring = Scoring { n: 3, seed: [1; 32], configurations: column(6).into() };
    let knowledge =
        Knowledge { configurations: column(4).into(), scores: column(2).into(), weights: column(2).into() };
    let mut ask = Ask { n: 2, ..Ask::default() };
    ask.pending.ids = vec![1, 2].into();
    ask.pending.configurations = column(4).into();
    let mut observations = Observations { costs: column(2).into(), ..Observations::default() };
    observations.trials.ids = vec![1, 2].into();
    observations.objectives = column(2).into();
    observations.failures = vec![0, 2].into();
    let report = Report { trial: 1, objectives: column(2).into(), ..Report::default() };
    let candidates = Candidates { n: 2, configurations: column(4).into() };
    let mut frames = vec![
        frame_of(&proposals),
        frame_of(&outcomes),
        frame_of(&scoring),
        frame_of(&knowledge),
        frame_of(&ask),
        frame_of(&observations),
        frame_of(&report),
        frame_of(&candidates),
    ];
    let event = LogEvent { plugin: "p".into(), level: 2, origin: "o".into(), message: "größe".into() };
    let error = WrittenError::from(heirloom_model::ComponentError::failed("no"));
    for write in [&|frame: &mut Vec<u8>| write(&event, frame), &|frame: &mut Vec<u8>| write(&error, frame)]
        as [&dyn Fn(&mut Vec<u8>) -> Result<(), heirloom_model::ComponentError>; 2]
    {
        let mut frame = new_frame();
        write(&mut frame).unwrap();
        frames.push(frame);
    }
    let texts = [
        r#"{"space":{"parameter":[{"name":"x","type":"float","low":0,"high":1}]},"fidelities":[],"objectives":[]}"#,
        r#"{"objectives":[{"name":"y","direction":"minimise"}],"fidelities":[],"space":null,"simulated_cost":false}"#,
    ];
    frames.extend(texts.map(|text| [&[0; HEADER], text.as_bytes()].concat()));
    frames
}

/// A frame that is none, or a sealed one whose body was bent.
fn random_frame(rng: &mut Rng, honest: &[Vec<u8>], frame: &mut Vec<u8>) {
    frame.clear();
    if rng.below(4) == 0 {
        let n = rng.below(48);
        frame.extend((0..n).map(|_| rng.next_u64() as u8));
        return;
    }
    frame.extend_from_slice(&honest[rng.below(honest.len())]);
    for _ in 0..rng.below(4) {
        let place = HEADER + rng.below(frame.len() - HEADER + 1);
        match rng.below(3) {
            0 if place < frame.len() => frame[place] = [0, 1, 127, 255, rng.next_u64() as u8][rng.below(5)],
            1 => frame.truncate(place),
            _ => frame.push(rng.next_u64() as u8),
        }
    }
    let verbs = [Verb::Done, Verb::Report, Verb::Log, Verb::Evaluate, Verb::Allowed];
    seal(verbs[rng.below(verbs.len())], frame).unwrap();
}

#[test]
fn a_million_random_frames_are_refused_or_mean_something() {
    let honest = honest();
    for frame in &honest {
        assert!(parse(&frame[HEADER..]) > 0, "{frame:?} is not honest");
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4) as u64;
    let counts = std::thread::scope(|scope| {
        let one = |thread: u64| {
            let honest = &honest;
            scope.spawn(move || {
                let (mut frame, mut n_read, mut n_refused) = (Vec::new(), 0_u64, 0_u64);
                for index in (thread..N_FRAMES).step_by(threads as usize) {
                    let mut rng = Seed::from_number(4).derive("frame", index).rng();
                    random_frame(&mut rng, honest, &mut frame);
                    memory::begin();
                    let mut reader = FrameReader::new(Pieces(&frame));
                    let n_parsers = match reader.receive() {
                        Ok(_) => parse(reader.last_body()),
                        Err(_) => 0,
                    };
                    let (peak, allowed) = (memory::peak(), BESIDE + PER_BYTE * frame.len());
                    assert!(peak <= allowed, "frame {index} of {} bytes took {peak}: {frame:?}", frame.len());
                    if n_parsers > 0 { n_read += 1 } else { n_refused += 1 }
                }
                (n_read, n_refused)
            })
        };
        let spawned: Vec<_> = (0..threads).map(one).collect();
        spawned
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    });
    assert_eq!(counts.0 + counts.1, N_FRAMES);
    // Neither all nor none: the frames are worth trying.
    assert!(counts.0 > N_FRAMES / 10 && counts.1 > N_FRAMES / 10, "{counts:?}");
}

#[test]
fn a_length_takes_no_memory_before_its_bytes_are_there() {
    let mut frame = (MAX_BODY as u32).to_le_bytes().to_vec();
    frame.push(Verb::Done as u8);
    frame.extend([0; 1000]);
    memory::begin();
    let error = FrameReader::new(Pieces(&frame)).receive().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert!(memory::peak() < 1 << 20, "{} bytes", memory::peak());
    frame[..4].copy_from_slice(&(MAX_BODY as u32 + 1).to_le_bytes());
    let error = FrameReader::new(Pieces(&frame)).receive().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(error.to_string().contains("more than the 1073741824 that are allowed"), "{error}");
}

#[test]
fn a_large_frame_in_pieces_comes_whole() {
    let body: Vec<u8> = (0..300_000_u32).map(|index| index as u8).collect();
    let mut frame = [&[0; HEADER][..], &body].concat();
    seal(Verb::Done, &mut frame).unwrap();
    let twice = [frame.as_slice(), frame.as_slice()].concat();
    let mut reader = FrameReader::new(Pieces(&twice));
    for _ in 0..2 {
        assert_eq!(reader.receive().unwrap(), Verb::Done);
        assert!(reader.last_body() == body);
    }
}
