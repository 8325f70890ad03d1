/// When an object is written.
public enum PutCondition: Sendable, Equatable {
  /// In place of the one that may be there.
  case always
  /// Only if there is none of this name; of several writers, one succeeds.
  case ifAbsent
}
