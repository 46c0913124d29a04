//! The table of a deploy that goes on: what begins next, what became of each component, and who is told.

use std::cell::RefCell;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::record::Record;
use super::results::{Event, Fate, Row, is_interruption};
use crate::deploy::bring::component::Done;
use crate::deploy::limit::Signals;
use crate::deploy::plan::Plan;
use crate::deploy::plan::graph::{At, Graph, Left};
use crate::error::{Code, Error};

/// Who is told of what becomes of components.
pub(super) struct Tells<'a> {
    pub(super) warn: &'a (dyn Fn(&str) + Sync),
    pub(super) report: &'a dyn Fn(Event<'_>),
    pub(super) record: Option<&'a Record>,
    /// The signals that came.
    pub(super) signals: Signals,
}

/// The rows so far, each with its place in the plan.
pub(super) struct Table<'a> {
    plan: &'a Plan,
    tells: Tells<'a>,
    graph: RefCell<Graph>,
    rows: RefCell<Vec<(usize, usize, Row)>>,
    /// Something ended, so something may begin.
    news: Notify,
}

impl<'a> Table<'a> {
    pub(super) fn new(plan: &'a Plan, tells: Tells<'a>) -> Self {
        Self {
            plan,
            tells,
            graph: RefCell::new(Graph::new(plan)),
            rows: RefCell::default(),
            news: Notify::new(),
        }
    }

    /// Takes up a host where something can begin; none if there is no such now.
    pub(super) fn take_host(&self) -> Option<usize> {
        self.graph.borrow_mut().take_host()
    }

    /// Lets go of a host.
    pub(super) fn let_go(&self, host: usize) {
        self.graph.borrow_mut().let_go(host);
        self.news.notify_one();
    }

    /// Waits until something ended, so that something may begin.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// Begins what can begin on a host.
    pub(super) fn begin_on(&self, host: usize) -> Option<At> {
        self.graph.borrow_mut().begin_on(host)
    }

    /// Takes what became of a component; leaves what waits for it if it failed.
    pub(super) fn ended(&self, at: At, result: Result<Done, Error>, began: Instant) {
        let left = match &result {
            Ok(_) => {
                self.graph.borrow_mut().done(at);
                Vec::new()
            }
            Err(_) => self.graph.borrow_mut().failed(at),
        };
        let fate = match result {
            Ok(done) => Fate::Done(done),
            Err(error) => Fate::Failed(error),
        };
        self.row(at, fate, began.elapsed().as_secs_f64());
        self.leave(left);
        self.news.notify_one();
    }

    /// A host that could not be reached: one row for it stands for all that waits there.
    pub(super) fn unreached(&self, host: usize, error: Error, began: Instant) {
        if is_interruption(&error) {
            return;
        }
        let left = self.graph.borrow_mut().lost(host);
        let name = self
            .plan
            .hosts
            .get(host)
            .map(|plan| plan.host.name.to_string());
        self.push(
            (host, 0),
            Row {
                host: name.unwrap_or_default(),
                component: None,
                fate: Fate::Failed(error),
                seconds: began.elapsed().as_secs_f64(),
            },
        );
        let elsewhere = left.into_iter().filter(|(at, _)| at.0 != host);
        self.leave(elsewhere.collect());
    }

    /// Leaves all that waits on a host.
    pub(super) fn lost(&self, host: usize) {
        let left = self.graph.borrow_mut().lost(host);
        self.leave(left);
    }

    fn leave(&self, left: Vec<(At, Left)>) {
        for (at, why) in left {
            self.row(at, Fate::Left(why), 0.0);
        }
    }

    fn row(&self, at: At, fate: Fate, seconds: f64) {
        let Some(host) = self.plan.hosts.get(at.0) else {
            return;
        };
        let Some(component) = host.components.get(at.1) else {
            return;
        };
        let row = Row {
            host: host.host.name.to_string(),
            component: Some(component.component().clone()),
            fate,
            seconds,
        };
        if let Some(record) = self.tells.record
            && let Err(error) = record.note(&host.host, component, &row.fate)
        {
            (self.tells.warn)(&format!(
                "what is done cannot be written down, so this deploy cannot be resumed: {}",
                error.message()
            ));
        }
        self.push(at, row);
    }

    fn push(&self, at: At, row: Row) {
        (self.tells.report)(Event::Ended(&row));
        self.rows.borrow_mut().push((at.0, at.1, row));
    }

    /// What was not begun was left for a signal. The rows in the order of the plan.
    pub(super) fn finish(self) -> Vec<Row> {
        let code = self.tells.signals.borrow().unwrap_or(Code::Interrupt);
        let waiting = self.graph.borrow().waiting();
        self.leave(
            waiting
                .into_iter()
                .map(|at| (at, Left::Interrupted(code)))
                .collect(),
        );
        let mut rows = self.rows.into_inner();
        rows.sort_by_key(|(host, component, _)| (*host, *component));
        rows.into_iter().map(|(_, _, row)| row).collect()
    }
}
