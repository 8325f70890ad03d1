import Factorization

extension InteractionMatrix {
  func columns(of row: Int) -> ArraySlice<Int32> { indices[starts[row]..<starts[row + 1]] }

  /// Returns the columns with a positive strength; a dislike is not a test item.
  func likedColumns(of row: Int) -> [Int32] {
    (starts[row]..<starts[row + 1]).filter { strengths[$0] > 0 }.map { indices[$0] }
  }
}
