import Foundation
import KafkaIngest
import Pipeline
import StreamingRecommender
import Telemetry

/// The real Kafka of the suite: one broker on a free port, its data in a temporary directory, gone when the process is.
enum RealKafka {
  struct Broker: Sendable {
    let home: String
    let directory: String
    let bootstrapServers: String

    @discardableResult func tool(_ command: String) throws -> String { try shell("'\(home)/bin/'\(command)") }
    func kill() throws { _ = try shell("'\(home)/bin/broker' kill '\(directory)'") }
    func pause() throws { _ = try shell("'\(home)/bin/broker' pause '\(directory)'") }
    func resume() throws { _ = try shell("'\(home)/bin/broker' resume '\(directory)'") }
    func start() throws { _ = try shell("'\(home)/bin/broker' start '\(directory)'") }
  }

  static let requireServers = ProcessInfo.processInfo.environment["FRESHET_REQUIRE_SERVERS"] == "1"

  /// Why real-Kafka tests are skipped; `nil` when they are not (or must not be).
  static let absence: String? = {
    let runner = home + "/bin/broker"
    if requireServers || FileManager.default.isExecutableFile(atPath: runner) { return nil }
    let reason = "skipped: no \(runner); set KAFKA_HOME to a Kafka with bin/broker"
    FileHandle.standardError.write(Data("KafkaIngestTests: real Kafka \(reason)\n".utf8))
    return reason
  }()

  private static let home: String =
    ProcessInfo.processInfo.environment["KAFKA_HOME"]
    ?? {
      let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      return root.deletingLastPathComponent().appendingPathComponent("shared/kafka").path
    }()

  static func broker() throws -> Broker { try shared.get() }

  private static let shared: Result<Broker, any Error> = Result {
    let directory = try shell("mktemp -d")
    // A watcher ends the broker however this process ends. A process that nobody has waited for yet has ended, too: the test
    // runner waits for our output first, whose pipe the watcher inherits.
    _ = try shell(
      """
      (while case $(ps -o stat= -p \(getpid())) in ''|Z*) false;; esac; do sleep 0.5; done; '\(home)/bin/broker' kill '\(directory)'; rm -rf '\(directory)') \
      >/dev/null 2>&1 </dev/null &
      """)
    let output = try shell("'\(home)/bin/broker' start '\(directory)'")
    let address = output.split(separator: "\n").first { $0.hasPrefix("bootstrap_servers=") }.map { $0.dropFirst(18) }
    return Broker(home: home, directory: directory, bootstrapServers: String(address ?? ""))
  }
}

struct ShellError: Error { let text: String }

/// Through `popen`: Foundation's `Process` waits for grandchildren, too, and a broker is one.
@discardableResult func shell(_ command: String) throws -> String {
  guard let pipe = popen("{ \(command)\n} 2>&1", "r") else { throw ShellError(text: "popen: \(command)") }
  var output: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 4096)
  while true {
    let count = fread(&buffer, 1, buffer.count, pipe)
    if count == 0 { break }
    output += buffer[..<count]
  }
  let status = pclose(pipe)
  let text = String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  guard status == 0 else { throw ShellError(text: "\(command): \(text)") }
  return text
}

func configuration(_ bootstrapServers: String, _ topic: String) -> RecommenderConfiguration {
  var configuration = RecommenderConfiguration()
  configuration.kafka.bootstrapServers = bootstrapServers
  configuration.kafka.groupID = "group-\(topic)"
  configuration.kafka.groupInstanceID = "none"
  configuration.input.topics = [topic]
  return configuration
}

/// A name no other test has.
func freshTopic(_ name: String) -> String { "\(name)-\(UInt32.random(in: 0...(.max)))" }

func bytes(_ text: String) -> [UInt8] { [UInt8](text.utf8) }

/// Writes and waits until the broker has all of it.
func write(
  _ bootstrapServers: String, _ topic: String, _ records: [(key: String?, value: String, partition: Int32?)],
  pace: KafkaProperties.Pace = .embedded
) throws {
  var kafka = RecommenderConfiguration.Kafka()
  kafka.bootstrapServers = bootstrapServers
  let producer = try KafkaEventProducer(kafka: kafka, pace: pace)
  for record in records {
    try producer.produce(topic: topic, key: record.key.map(bytes), value: bytes(record.value), partition: record.partition)
  }
  guard producer.flush(timeout: .seconds(20)), producer.failed == 0 else {
    throw ShellError(text: "\(producer.failed) records failed: \(String(describing: producer.firstFailure))")
  }
}

/// Polls until `isDone`, at most this long.
@discardableResult func read(
  _ source: KafkaRecordSource, max: Int = 1000, patience: Duration = .seconds(20), until isDone: (SourceBatch) -> Bool
) -> SourceBatch {
  var all = SourceBatch()
  let deadline = ContinuousClock.now + patience
  while !isDone(all), ContinuousClock.now < deadline {
    let batch = source.poll(max: max, timeout: .milliseconds(100))
    all.parts += batch.parts
    all.events += batch.events
  }
  return all
}
