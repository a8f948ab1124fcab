"""{{description}}: keeps the best configurations and changes one parameter of one of them at a time."""

from heirloom_plugin import Proposal, strategy


@strategy("{{name}}")
class Search:
    """Put your algorithm into the two methods."""

    def __init__(self, problem, options, context):
        # The options are checked already: types, ranges, names; what is left out has its default.
        self.space = problem.space
        self.n_initial = options.get("n_initial", 10)
        self.n_parents = options.get("n_parents", 5)
        self.fresh = options.get("fresh", 0.1)
        self.parents = []  # (objective, trial, configuration), the best first
        self.n_told = 0

    def ask(self, request):
        # `request.rng` is the only source of randomness: the same seed gives the same search.
        # Trials that are still running, `request.pending`, need no thought here.
        return [self.propose(request.rng(index)) for index in range(request.n)]

    def propose(self, rng):
        is_fresh = self.n_told < self.n_initial or rng.uniform() < self.fresh
        if not is_fresh and self.parents:
            _, trial, configuration = rng.choose(self.parents)
            changed = self.space.mutate(configuration, rng)
            if changed is not None:
                # An estimator that can lets the trial inherit the weights of its parent.
                return Proposal(changed, parent=trial)
        return Proposal(self.space.sample(rng))

    def tell(self, observations):
        for observation in observations:
            self.n_told += 1
            # Objectives are minimised, whatever the user's direction is; a failed trial has none.
            if observation.objective is None:
                continue
            self.parents.append((observation.objective, observation.trial, observation.configuration))
            self.parents.sort(key=lambda parent: parent[0])
            del self.parents[self.n_parents :]
