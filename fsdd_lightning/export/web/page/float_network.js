// The float LSTM beside the integer one: PyTorch's, in double precision on its float32 weights.

const FEATURE_STEPS = 16; // a feature of 1 is so many steps of int8

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** A network that hears frame by frame. */
class FloatNetwork {
  /**
   * @param {object} weights layers: [{inputs, hidden, weightIh (4H x I), weightHh (4H x H), bias (4H)}], gates in
   *   the order i f g o, both biases summed; outputWeight (C x H), outputBias (C); all Float32Array, rows in a row
   */
  constructor(weights) {
    this.layers = weights.layers.map((layer) => new FloatLayer(layer));
    this.outputWeight = weights.outputWeight;
    this.outputBias = weights.outputBias;
  }

  /** Forgets what was heard. */
  reset() {
    for (const layer of this.layers) layer.reset();
  }

  /** Hears one frame: Int8Array, features in steps of 1/16. */
  step(featuresQ4) {
    let values = Float64Array.from(featuresQ4, (feature) => feature / FEATURE_STEPS);
    for (const layer of this.layers) values = layer.step(values);
  }

  /** What the output layer makes of the last frame: Float64Array of a logit for each class. */
  logits() {
    const hidden = this.layers.at(-1).hidden;
    const classes = Float64Array.from(this.outputBias);
    return addProducts(classes, this.outputWeight, hidden);
  }
}

/** One layer and its state. */
class FloatLayer {
  constructor({ hidden, weightIh, weightHh, bias }) {
    this.weightIh = weightIh;
    this.weightHh = weightHh;
    this.bias = bias;
    this.hidden = new Float64Array(hidden);
    this.cell = new Float64Array(hidden);
  }

  reset() {
    this.hidden.fill(0);
    this.cell.fill(0);
  }

  /** Inputs (I) to the new hidden state (H). */
  step(inputs) {
    const gates = Float64Array.from(this.bias);
    addProducts(gates, this.weightIh, inputs);
    addProducts(gates, this.weightHh, this.hidden);
    const count = this.hidden.length;
    for (let i = 0; i < count; i++) {
      const forgotten = sigmoid(gates[count + i]) * this.cell[i];
      this.cell[i] = forgotten + sigmoid(gates[i]) * Math.tanh(gates[2 * count + i]);
      this.hidden[i] = sigmoid(gates[3 * count + i]) * Math.tanh(this.cell[i]);
    }
    return this.hidden;
  }
}

/** sums (R) += matrix (R x C) times vector (C). */
function addProducts(sums, matrix, vector) {
  for (let row = 0, at = 0; row < sums.length; row++) {
    let sum = sums[row];
    for (let column = 0; column < vector.length; column++, at++) sum += matrix[at] * vector[column];
    sums[row] = sum;
  }
  return sums;
}
