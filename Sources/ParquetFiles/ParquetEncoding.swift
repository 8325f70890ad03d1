/// How the values of a column are stored.
public enum ParquetEncoding: Sendable, Equatable {
  /// Each value as it is: for values that are rarely equal.
  case plain
  /// Each distinct value once a group, and its number in every row; plain from where the dictionary would grow too large.
  case dictionary
}
