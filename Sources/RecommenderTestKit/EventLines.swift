import StreamingRecommender

/// A readable line of each event, for tables of expectations: `user item strength operation time id`.
public func lines(_ decoded: DecodedRecord) -> [String] {
  switch decoded {
  case .interaction, .interactions:
    decoded.events.map { event in
      let interaction = event.interaction
      let id = interaction.eventID.map { " " + String(decoding: $0, as: UTF8.self) } ?? ""
      return "\(String(decoding: interaction.user, as: UTF8.self)) \(String(decoding: interaction.item, as: UTF8.self)) "
        + "\(interaction.strength) \(interaction.operation) \(interaction.timeMilliseconds)\(id)"
    }
  case .forget(let user, _, _): ["forget \(String(decoding: user, as: UTF8.self))"]
  case .merge(let user, let into, _): ["merge \(String(decoding: user, as: UTF8.self)) \(String(decoding: into, as: UTF8.self))"]
  case .ignored(let reason): ["ignored \(reason.rawValue)"]
  case .failure(let failure): ["rejected \(failure.reason.rawValue)"]
  case .waiting(let schema): ["waiting for \(schema)"]
  }
}
