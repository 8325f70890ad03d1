/// Numbers that grow with every use, across processes too, as long as the clock does not go back.
struct GrowingVersion {
  private var last: Int64 = 0

  mutating func next(nowMilliseconds: Int64) -> Int64 {
    last = max(last + 1, nowMilliseconds)
    return last
  }
}
