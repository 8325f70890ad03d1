import Foundation
import StreamingRecommender

/// The shadow model that was chosen while the engine ran, kept in the data directory; it goes before the configuration's.
struct ChosenShadow {
  private let configuration: RecommenderConfiguration
  private var path: String { configuration.instance.dataDirectory + "/shadow.json" }

  private struct Content: Codable {
    var name: String
    var settings: [String: String]
  }

  init(_ configuration: RecommenderConfiguration) { self.configuration = configuration }

  /// The configuration with it, if there is one.
  func applied() throws -> RecommenderConfiguration {
    guard let data = FileManager.default.contents(atPath: path) else { return configuration }
    guard let content = try? JSONDecoder().decode(Content.self, from: data), ShadowSettings.fault(of: content.settings) == nil else {
      throw CommandFailure("\(path) is not a shadow of this version: remove the file, and choose the shadow again", status: .configuration)
    }
    var applied = configuration
    (applied.shadow.name, applied.shadow.settings) = (content.name, content.settings)
    return applied
  }

  /// - Parameter shadow: `nil` forgets the choice.
  func store(_ shadow: RecommenderConfiguration.Shadow?) throws {
    guard let shadow else {
      if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
      return
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try encoder.encode(Content(name: shadow.name, settings: shadow.settings)).write(to: URL(fileURLWithPath: path), options: .atomic)
  }
}
