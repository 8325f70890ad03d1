import StreamingRecommender

/// What the types of events in a file mean, by the same configuration as in the engine.
///
/// Each type is decoded once, as an event of that type.
public final class EventTypes {
  public enum Meaning: Equatable, Sendable {
    /// An event of the type, for what it does with the pair; its strength is the factor of others.
    case event(Interaction)
    /// Events of the type are left out.
    case ignored
    case rejected(String)
  }

  private let decoder: InteractionDecoder
  private var meanings: [[UInt8]: Meaning] = [:]
  /// A file may have any number of types.
  private static let countMax = 10_000

  public init(_ input: RecommenderConfiguration.Input) {
    var input = input
    // So that the strength of an event without a value is the weight of its type.
    input.strength = .weight
    // A row of a file has its type in a column, wherever records have it.
    input.preset = .freshet
    input.fields = [:]
    input.ignore = []
    decoder = InteractionDecoder(input.ofFiles)
  }

  public func meaning(of type: [UInt8]) -> Meaning {
    if let known = meanings[type] { return known }
    let meaning = Self.meaning(of: type, decoder)
    if meanings.count < Self.countMax { meanings[type] = meaning }
    return meaning
  }

  /// A function that says whether events of a type count.
  public static func isKnown(_ input: RecommenderConfiguration.Input) -> @Sendable (String) -> Bool {
    let decoder = EventTypes(input).decoder
    return { if case .event = meaning(of: Array($0.utf8), decoder) { true } else { false } }
  }

  private static func meaning(of type: [UInt8], _ decoder: InteractionDecoder) -> Meaning {
    let value = InteractionEncoder.encode(
      user: [0x75], item: [0x69], operation: nil, eventType: String(decoding: type, as: UTF8.self), timeMilliseconds: 1_700_000_000_000)
    let record = Record(offset: 0, timestampMilliseconds: nil, key: nil, value: value)
    switch decoder.decode(record, fallbackMilliseconds: 0) {
    case .interaction(let event, _, _): return .event(event)
    case .failure(let failure): return .rejected(failure.message)
    case .ignored, .forget, .merge, .interactions, .waiting: return .ignored
    }
  }
}
