//! Registry of background tasks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Tasks that a registry keeps. Older ones are removed, but continue to run.
const MAX_TASKS: usize = 32;

/// Tasks by id. Ids sort by time.
#[derive(Debug)]
pub struct TaskRegistry<T>(Mutex<BTreeMap<String, Arc<T>>>);

impl<T> Default for TaskRegistry<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> TaskRegistry<T> {
    /// Inserts a task, and removes the oldest one if there are more than [`MAX_TASKS`].
    pub fn insert(&self, id: String, task: Arc<T>) {
        let mut tasks = lock(&self.0);
        tasks.insert(id, task);
        if tasks.len() > MAX_TASKS {
            tasks.pop_first();
        }
    }

    /// Returns the task with this id.
    pub fn get(&self, id: &str) -> Option<Arc<T>> {
        lock(&self.0).get(id).map(Arc::clone)
    }

    /// Removes the tasks for which `predicate` returns `false`.
    pub fn retain(&self, predicate: impl Fn(&T) -> bool) {
        lock(&self.0).retain(|_, task| predicate(task));
    }

    /// Removes the task with this id.
    pub fn remove(&self, id: &str) {
        lock(&self.0).remove(id);
    }
}

/// Locks `mutex`. The data is valid after every statement, so a poisoned lock is usable.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_registry_removes_oldest_task_above_limit() {
        let tasks = TaskRegistry::default();

        for n in 0..=MAX_TASKS {
            tasks.insert(format!("{n:03}"), Arc::new(n));
        }

        assert!(tasks.get("000").is_none());
        assert_eq!(tasks.get("032").as_deref(), Some(&32));
        tasks.remove("032");
        assert!(tasks.get("032").is_none());
    }
}
