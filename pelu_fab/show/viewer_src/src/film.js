// A pour from its start to its rest, as states to go back and forth between.
const EVERY = 0.25; // s of water from one state to the next
const LONGEST = 600; // s that are run ahead

export class Film {
  constructor(water) {
    this.water = water;
    this.clear();
  }

  clear() {
    this.states = [this.water.state()];
  }

  get end() {
    return this.states.at(-1).time;
  }

  // What was until now stays; what is to come is run anew, and something may just have been poured.
  shoot() {
    const { time } = this.water;
    this.states = [...this.states.filter((state) => state.time < time), this.water.state()];
    const ahead = this.water.copy();
    while (!ahead.still && ahead.time - time < LONGEST) {
      ahead.advance(EVERY);
      this.states.push(ahead.state());
    }
  }

  // The water as it is at a time.
  go(time) {
    const state = this.states.findLast((one) => one.time <= time + 1e-9) ?? this.states[0];
    this.water.back(state);
    if (!state.still) this.water.advance(time - state.time);
  }
}
