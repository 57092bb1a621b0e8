# The course on a processor. Build and start it with
#   docker build --tag ideal-cat . && docker run --rm --publish 127.0.0.1:8888:8888 ideal-cat
# and open the address that it prints.
FROM python:3.12-slim
RUN apt-get update && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/* && useradd --create-home student
USER student
WORKDIR /home/student/ideal-cat
# For a PyTorch without libraries for NVIDIA cards: --build-arg PIP_EXTRA_INDEX_URL=...
ARG PIP_EXTRA_INDEX_URL
COPY --chown=student Makefile requirements.txt .constraints.txt ./
RUN PIP_NO_CACHE_DIR=1 make install
COPY --chown=student . .
EXPOSE 8888
CMD ["make", "jupyter", "JUPYTER=--ip=0.0.0.0 --no-browser"]
