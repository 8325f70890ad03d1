/// Orders names as people do: `recall_at_5` before `recall_at_20`.
enum NaturalOrder {
  static func isBefore(_ first: String, _ second: String) -> Bool {
    let (left, right) = (parts(first), parts(second))
    for (one, other) in zip(left, right) where one != other {
      if let number = Int(one), let otherNumber = Int(other), number != otherNumber { return number < otherNumber }
      return one < other
    }
    return left.count == right.count ? first < second : left.count < right.count
  }

  /// Runs of digits and of other characters in turn.
  private static func parts(_ text: String) -> [String] {
    var parts: [String] = []
    for character in text {
      if let last = parts.last?.last, isDigit(last) == isDigit(character) {
        parts[parts.count - 1].append(character)
      } else {
        parts.append(String(character))
      }
    }
    return parts
  }

  private static func isDigit(_ character: Character) -> Bool { character.isASCII && character.isNumber }
}
