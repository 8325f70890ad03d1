public struct InteractionDecoder: Sendable { public init(_ i: RecommenderConfiguration.Input) {}; public func decode(_ r: Record, nowMilliseconds: Int64) -> DecodedRecord { fatalError() } }
