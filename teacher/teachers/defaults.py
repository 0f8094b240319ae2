"""The paper's numbers, each stated once: what a teacher does unless it is told otherwise."""

DECISION_STEPS = 20  # N, training steps per decision (paper Sec. 4.1)
EXPLORATION = 0.1  # ε, share of uniform draws (paper Sec. 4.1)
HISTORY = 10  # H of Eq. 1, past window losses (paper Sec. 4.1)
STEP_SIZE = 0.01  # α of Eq. 2 (released)
PENG_STEP_SIZE = 1.0  # the same for the rule of Peng et al. 2018: its two shares as published
LEARNING_RATE = 5e-5  # of the teacher's own Adam (released)
NUM_HARDEST = 1  # hardest real images kept per window: the first decides, all train the teacher (paper Sec. 4.1)
RELEASED_NUM_HARDEST = 32
