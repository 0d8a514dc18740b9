# An image in which a cohort is graded; docs/grading.md says how it is run.
FROM debian:trixie-slim AS packages
RUN apt-get update && apt-get install -y --no-install-recommends python3.13-venv
RUN python3.13 -m venv /uv && /uv/bin/pip install --no-cache-dir uv
WORKDIR /katas
COPY pyproject.toml constraints.txt ./
# TensorFlow's C++ headers are a fifth of it, and nothing is compiled here.
RUN /uv/bin/uv venv --python python3.13 \
    && /uv/bin/uv pip install --no-cache --compile-bytecode --constraint constraints.txt \
        --requirement pyproject.toml --group grade \
    && rm -r .venv/lib/python3.13/site-packages/tensorflow/include

FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends bubblewrap python3.13 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /katas
COPY --from=packages /katas/.venv .venv
COPY . .
# A checkout may be for its owner's eyes only; and later nobody can write what is compiled.
RUN chmod -R a+rX QUESTIONS.md data dojo reference tests \
    && .venv/bin/python -m compileall -q dojo tests
# All of it is root's and everybody can read it: any other user can grade, and change nothing.
USER 10001:10001
ENV HOME=/tmp
ENTRYPOINT ["/katas/.venv/bin/python", "-m", "dojo"]
CMD ["grade", "--doctor"]
