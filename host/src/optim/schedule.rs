//! The learning rate over a run.

use super::{ScheduleConfig, ScheduleKind};

impl ScheduleConfig {
    /// Share of the peak rate at step `step` (from 0) of `steps`: rises linearly over the warm-up, then follows the
    /// shape and reaches the floor at the last step (Loshchilov & Hutter, arXiv 1608.03983, for the cosine).
    pub fn share(&self, step: u64, steps: u64) -> f64 {
        if step < self.warmup {
            return (step + 1) as f64 / (self.warmup + 1) as f64;
        }
        let last = steps.saturating_sub(1).saturating_sub(self.warmup).max(1);
        let progress = ((step - self.warmup) as f64 / last as f64).min(1.0);
        match self.kind {
            ScheduleKind::Constant => 1.0,
            ScheduleKind::Linear => self.floor + (1.0 - self.floor) * (1.0 - progress),
            ScheduleKind::Cosine => {
                self.floor + (1.0 - self.floor) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(kind: ScheduleKind) -> ScheduleConfig {
        ScheduleConfig { kind, warmup: 10, floor: 0.1 }
    }

    #[test]
    fn rises_then_falls_to_the_floor() {
        let cosine = schedule(ScheduleKind::Cosine);
        assert!(cosine.share(0, 110) > 0.0 && cosine.share(0, 110) < 0.1);
        assert_eq!(cosine.share(10, 110), 1.0);
        assert!((cosine.share(109, 110) - 0.1).abs() < 1e-12);
        let linear = schedule(ScheduleKind::Linear);
        assert!((linear.share(109, 110) - 0.1).abs() < 1e-12);
        assert!((linear.share(10, 110) - 1.0).abs() < 1e-12);
        assert_eq!(schedule(ScheduleKind::Constant).share(109, 110), 1.0);
    }

    #[test]
    fn a_run_shorter_than_its_warm_up_has_a_rate() {
        assert!(schedule(ScheduleKind::Cosine).share(3, 5).is_finite());
        assert!(schedule(ScheduleKind::Cosine).share(10, 11).is_finite());
    }
}
