use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::fake::{Ear, Fake, request};
use super::*;
use generator::{Request, Work};

/// An engine whose model takes one step per message sent, and the events of its texts.
struct Hall {
    engine: Arc<Engine>,
    step: Sender<()>,
    said: Sender<String>,
    heard: Receiver<String>,
}

impl Hall {
    fn new(batch_size: usize) -> Self {
        let ((step, steps), (said, heard)) = (channel(), channel());
        let fake = Fake { batch_size, steps: Some(steps), ..Fake::default() };
        Self { engine: fake.start(), step, said, heard }
    }

    /// Requests one text of `tokens` tokens for each name.
    fn ask(&self, client: &Client, names: &[&'static str], tokens: usize) -> Result<(), Refused> {
        let text = |name: &&'static str| {
            let (said, gone) = (self.said.clone(), Arc::new(AtomicBool::new(false)));
            let ear: Box<dyn Listener> = Box::new(Ear { name, said, gone });
            (request("p", 0, tokens), ear)
        };
        client.ask(names.iter().map(text).collect())
    }

    /// Lets the model run without waiting for steps.
    fn run_on(&mut self) {
        self.step = channel().0;
    }

    /// The next events, in order.
    fn hear(&self, count: usize) -> Vec<String> {
        self.heard.iter().take(count).collect()
    }
}

#[test]
fn a_new_client_gets_a_row_while_others_write() {
    let mut hall = Hall::new(6);
    let (greedy, newcomer, third) =
        (hall.engine.client(), hall.engine.client(), hall.engine.client());
    hall.ask(&greedy, &["a", "b", "c", "d", "e", "f", "g"], 3).unwrap();
    // A single client gets half of the rows.
    assert_eq!(hall.hear(3), ["a begun", "b begun", "c begun"]);
    hall.ask(&newcomer, &["n", "o", "p"], 3).unwrap();
    hall.step.send(()).unwrap();
    assert_eq!(hall.hear(2), ["n begun", "o begun"]);
    hall.ask(&third, &["t"], 3).unwrap();
    hall.step.send(()).unwrap();
    assert_eq!(hall.hear(1), ["t begun"]);
    // Free rows go in turn to the clients that have fewer than their share.
    hall.step.send(()).unwrap();
    let after: Vec<String> = hall.hear(3);
    assert!(after.iter().all(|said| said.contains("Length: The")), "{after:?}");
    hall.run_on();
    let mut rest = hall.hear(13);
    rest.retain(|said| said.ends_with("begun"));
    assert_eq!(rest.len(), 5, "all are written eventually: {rest:?}");
}

#[test]
fn clients_take_turns_when_rows_are_few() {
    let mut hall = Hall::new(1);
    let (one, two) = (hall.engine.client(), hall.engine.client());
    hall.ask(&one, &["a", "b", "c"], 1).unwrap();
    assert_eq!(hall.hear(1), ["a begun"]);
    hall.ask(&two, &["x", "y"], 1).unwrap();
    hall.run_on();
    let begun: Vec<String> =
        hall.hear(9).into_iter().filter(|said| said.ends_with("begun")).collect();
    assert_eq!(begun, ["x begun", "b begun", "y begun", "c begun"]);
}

#[test]
fn texts_of_dropped_clients_are_not_written() {
    let hall = Hall::new(1);
    let (one, two) = (hall.engine.client(), hall.engine.client());
    let gone = Arc::new(AtomicBool::new(false));
    let ear = Ear { name: "a", said: hall.said.clone(), gone: Arc::clone(&gone) };
    one.ask(vec![(request("p", 0, 200), Box::new(ear))]).unwrap();
    assert_eq!(hall.hear(1), ["a begun"]);
    hall.ask(&two, &["never", "nor this"], 1).unwrap();
    hall.ask(&one, &["b"], 1).unwrap();
    drop(two);
    hall.step.send(()).unwrap();
    gone.store(true, std::sync::atomic::Ordering::Relaxed);
    hall.step.send(()).unwrap();
    hall.step.send(()).unwrap();
    let heard = hall.hear(2);
    assert!(heard[0].starts_with("a Cancelled: T"), "{heard:?}");
    assert_eq!(heard[1], "b begun");
}

#[test]
fn invalid_prompts_are_refused_at_once() {
    let engine = Fake { n_positions: 8, ..Fake::default() }.start();
    let client = engine.client();
    let ask = |prompt: Vec<u32>| {
        let (said, gone) = (channel().0, Arc::default());
        let ear: Box<dyn Listener> = Box::new(Ear { name: "a", said, gone });
        client.ask(vec![(Request { prompt, ..request("p", 0, 1) }, ear)])
    };
    assert_eq!(ask(vec![]), Err(Refused::Empty));
    assert_eq!(ask(vec![1; 8]), Err(Refused::TooLong { tokens: 8, n_positions: 8 }));
    assert_eq!(ask(vec![1, 257]), Err(Refused::NoToken { token: 257, size: 257 }));
    assert_eq!(ask(vec![1; 7]), Ok(()));
}

#[test]
fn a_full_queue_refuses_all_texts_of_a_request() {
    let hall = Hall::new(1);
    let client = hall.engine.client();
    hall.ask(&client, &["a"], 9).unwrap();
    assert_eq!(hall.hear(1), ["a begun"]);
    hall.ask(&client, &["w"; MOST_WAITING - 1], 1).unwrap();
    let full = Refused::Full { waiting: MOST_WAITING - 1 };
    assert_eq!(hall.ask(&client, &["b", "c"], 1), Err(full));
    assert_eq!(hall.ask(&client, &["b"], 1), Ok(()));
}

#[test]
fn a_failed_run_reports_the_reason_and_the_next_text_is_written() {
    let (said, heard) = channel();
    let engine = Fake { fails_at: Some(2), ..Fake::default() }.start();
    let client = engine.client();
    let ask = |name, tokens| {
        let ear = Ear { name, said: said.clone(), gone: Arc::default() };
        client.ask(vec![(request("p", 0, tokens), Box::new(ear))]).unwrap();
    };
    ask("long", 9);
    let heard_next = || heard.recv().unwrap();
    assert_eq!([heard_next(), heard_next()], ["long begun", "long the device is on fire"]);
    ask("short", 1);
    assert_eq!([heard_next(), heard_next()], ["short begun", "short Length: T"]);
}

/// Uses the client as the essay writer does.
struct Essays {
    waiting: Vec<Request>,
    tokens: usize,
    done: Vec<(u64, String)>,
    cancels: bool,
}

impl Work for Essays {
    fn next(&mut self) -> Option<Request> {
        self.waiting.pop()
    }

    fn token(&mut self, _id: u64, _token: Token) {
        self.tokens += 1;
    }

    fn text(&mut self, id: u64, _text: &str) -> std::ops::ControlFlow<()> {
        match self.cancels && id == 1 {
            true => std::ops::ControlFlow::Break(()),
            false => std::ops::ControlFlow::Continue(()),
        }
    }

    fn done(&mut self, id: u64, completion: Completion) -> miette::Result<()> {
        self.done.push((id, completion.text));
        Ok(())
    }
}

#[test]
fn a_client_writes_the_same_as_an_exclusive_model() {
    let requests = |count: u64| (0..count).map(|id| Request { id, ..request("p", id as u8, 40) });
    let mut own =
        Essays { waiting: requests(9).collect(), tokens: 0, done: vec![], cancels: false };
    Fake::default().run(&mut own).unwrap();
    let mut shared =
        Essays { waiting: requests(9).collect(), tokens: 0, done: vec![], cancels: false };
    Fake::default().start().client().run(&mut shared).unwrap();
    own.done.sort();
    shared.done.sort();
    assert_eq!((&own.done, own.tokens), (&shared.done, shared.tokens));

    let mut cancelled =
        Essays { waiting: requests(3).collect(), tokens: 0, done: vec![], cancels: true };
    // One of the three texts is cancelled when its first piece arrives.
    let (step, steps) = channel();
    let engine = Fake { steps: Some(steps), ..Fake::default() }.start();
    let stepping = std::thread::spawn(move || {
        while step.send(()).is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    });
    engine.client().run(&mut cancelled).unwrap();
    drop(engine);
    stepping.join().unwrap();
    let length = |id| cancelled.done.iter().find(|(done, _)| *done == id).unwrap().1.len();
    assert!(length(1) < length(0), "{:?}", cancelled.done);
}
