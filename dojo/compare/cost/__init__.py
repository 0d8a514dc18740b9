"""What an answer costs, beside the model answer and what TensorFlow or Keras has of its own.

It uses the parts and the child processes of `dojo.compare`, and none of its stages: there is
nothing to train, to tune or to store. tests/costs/ declares, beside the suites, what is
measured and on which data.
"""
