-- Why nothing shall be learned from a run; null where it counts.
ALTER TABLE run ADD COLUMN withdrawn TEXT;

-- A proposal that a proxy filtered out (failure 7) is no trial of its run.
UPDATE run SET n_trials = n_trials - (SELECT count(*) FROM trial WHERE trial.run = run.id AND failure = 7);
