import Foundation
import SchemaRegistry
import StreamingRecommender
import Telemetry
import WireFormats

/// What opens Avro and Protobuf payloads, as the configuration says.
enum Payloads {
  /// Returns `nil` if neither a registry nor a schema is configured.
  static func decoder(
    _ configuration: RecommenderConfiguration, log: Telemetry.Log = .disabled, onChange: @escaping @Sendable () -> Void = {}
  ) throws -> (any PayloadDecoder)? {
    let input = configuration.input
    let registry = configuration.schemaRegistry.urls.isEmpty ? nil : RegistryClient(configuration.schemaRegistry)
    if let problem = registry?.fileProblem { throw CommandFailure(problem, status: .configuration) }
    guard registry != nil || !input.schemaFile.isEmpty else { return nil }
    do throws(SchemaRefusal) {
      return try SchemaCache(
        source: registry, schemaFile: input.schemaFile, schemaMessage: input.schemaMessage,
        limits: PayloadLimits(depthMax: input.maxDepth, recordBytesMax: input.maxRecordBytes), log: log, onChange: onChange)
    } catch { throw CommandFailure("input.schema_file = \(input.schemaFile): \(error)", status: .configuration) }
  }
}

/// Decodes records for commands that may wait: a schema is waited for until the registry fails once.
struct WaitingDecoder {
  let decoder: InteractionDecoder
  private static let patience = Duration.seconds(30)

  init(_ configuration: RecommenderConfiguration) throws {
    decoder = InteractionDecoder(configuration.input, payloads: try Payloads.decoder(configuration))
  }

  /// Returns `waiting` only if the registry does not give the schema.
  func decode(_ record: Record, fallbackMilliseconds: Int64) -> DecodedRecord {
    let deadline = MonotonicClock.nanoseconds() + Self.patience.nanoseconds
    while true {
      let decoded = decoder.decode(record, fallbackMilliseconds: fallbackMilliseconds)
      guard case .waiting(let schema) = decoded, decoder.payloads?.problem(with: schema) == nil, MonotonicClock.nanoseconds() < deadline
      else { return decoded }
      usleep(1_000)
    }
  }

  func problem(with schema: SchemaName) -> String { decoder.payloads?.problem(with: schema) ?? "the schema registry does not answer" }
}
