//! Text for COPY.
