extension Duration {
  public var milliseconds: Double { Double(components.seconds) * 1e3 + Double(components.attoseconds) / 1e15 }

  /// Nanoseconds, clamped to 0 ... 285 years, so that a point in time can be added without overflow.
  public var nanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    return min(UInt64(seconds), 9_000_000_000) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
  }
}
