extension Duration {
  public var milliseconds: Double { Double(components.seconds) * 1e3 + Double(components.attoseconds) / 1e15 }
  public var nanoseconds: UInt64 { UInt64(max(0, milliseconds * 1e6)) }
}
