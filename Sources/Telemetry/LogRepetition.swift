/// Whether a line may be held back when it resembles one that was written moments ago.
public enum LogRepetition: Sendable {
  case limited
  /// Written every time: for lines that each report an outcome, such as the end of a retrain.
  case always
}
