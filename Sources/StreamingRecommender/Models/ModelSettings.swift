/// The settings that a model is served with, and what of them was promoted over the configuration.
public struct ModelSettings: Sendable {
  var engine: EngineSettings
  var promotion: Promotion?
  /// The configuration with them.
  var configuration: RecommenderConfiguration

  /// The settings of the configuration with the promoted ones that still hold.
  init(_ configuration: RecommenderConfiguration, _ promotion: Promotion?) {
    let promoted = configuration.promoted(by: promotion)
    self.configuration = promoted.configuration
    self.promotion = promoted.promotion
    engine = EngineSettings(promoted.configuration)
  }
}
