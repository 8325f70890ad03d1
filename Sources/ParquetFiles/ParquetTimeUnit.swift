/// The unit of a column of times. Spark refuses files with nanoseconds, so there are none.
public enum ParquetTimeUnit: Sendable, Equatable {
  case milliseconds, microseconds
}
