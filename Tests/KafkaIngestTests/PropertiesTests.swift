import KafkaIngest
import StreamingRecommender
import Testing

@Suite struct PropertiesTests {
  private func kafka(_ change: (inout RecommenderConfiguration.Kafka) -> Void = { _ in }) -> RecommenderConfiguration.Kafka {
    var kafka = RecommenderConfiguration.Kafka()
    change(&kafka)
    return kafka
  }

  private func consumer(
    _ change: (inout RecommenderConfiguration.Kafka) -> Void = { _ in }, membership: KafkaRecordSource.Membership = .group,
    version: LibraryVersion = LibraryVersion(2, 0, 2)
  ) throws -> KafkaProperties {
    try KafkaProperties.consumer(kafka(change), instance: "host-1", membership: membership, libraryVersion: version)
  }

  @Test func theConsumerNeverCommitsOrSkipsByItself() throws {
    let values = try consumer().values
    #expect(values["enable.auto.commit"] == "false")
    #expect(values["enable.auto.offset.store"] == "false")
    #expect(values["auto.offset.reset"] == "error")
  }

  @Test func theInstanceIsTheStaticMember() throws {
    #expect(try consumer().values["group.instance.id"] == "host-1")
    #expect(try consumer({ $0.groupInstanceID = "own" }).values["group.instance.id"] == "own")
    #expect(try consumer().values["session.timeout.ms"] == "90000")
  }

  @Test func noneMeansADynamicMember() throws {
    let values = try consumer({ $0.groupInstanceID = "none" }).values
    #expect(values["group.instance.id"] == nil)
    #expect(values["session.timeout.ms"] == nil)
  }

  @Test func theEmbeddedBrokerIsFetchedFromMoreOften() throws {
    #expect(try consumer().values["fetch.wait.max.ms"] == "10")
    #expect(try consumer(membership: .direct).values["fetch.wait.max.ms"] == "2")
  }

  @Test func moreSpecificPropertiesWin() throws {
    let values = try consumer({
      $0.common = ["client.id": "a", "check.crcs": "false"]
      $0.consumer = ["client.id": "b"]
      $0.producer = ["client.id": "c"]
    }).values
    #expect(values["client.id"] == "b")
    #expect(values["check.crcs"] == "false")
  }

  @Test func anOlderNameReplacesOurs() throws {
    let values = try KafkaProperties.events(kafka { $0.producer = ["compression.type": "lz4"] }, pace: .bulk).values
    #expect(values["compression.codec"] == "lz4")
    #expect(values["compression.type"] == nil)
  }

  @Test(arguments: PassedProperties.refused)
  func aRefusedPropertyIsRefusedForEveryClient(property: String) throws {
    let error = #expect(throws: KafkaError.self) { try consumer { $0.consumer = [property: "x"] } }
    #expect(error?.description.contains("kafka.consumer.\(property)") == true)
    let common = #expect(throws: KafkaError.self) { try KafkaProperties.events(kafka { $0.common = [property: "x"] }, pace: .bulk) }
    #expect(common?.description.contains("kafka.common.\(property)") == true)
  }

  @Test func fetchBoundsThatAreSetTogetherFitTogether() throws {
    var configuration = RecommenderConfiguration()
    configuration.kafka.common = ["message.max.bytes": "4000000"]
    configuration.kafka.consumer = ["fetch.max.bytes": "52428800"]
    _ = try KafkaRecordSource(configuration: configuration)
    configuration.kafka.consumer = [:]
    _ = try KafkaRecordSource(configuration: configuration)
  }

  @Test func aDuplicateOfOurKeyNamesOurKey() throws {
    let error = #expect(throws: KafkaError.self) { try consumer { $0.common = ["bootstrap.servers": "x"] } }
    #expect(error?.description.contains("kafka.bootstrap_servers") == true)
  }

  @Test func anUnknownPropertyIsRefusedByTheLibraryWithItsName() throws {
    var configuration = RecommenderConfiguration()
    configuration.kafka.consumer = ["fetch.wiat": "1"]
    let error = #expect(throws: KafkaError.self) { _ = try KafkaRecordSource(configuration: configuration) }
    #expect(error?.description.contains("fetch.wiat") == true)
  }

  @Test(arguments: [(LibraryVersion(2, 0, 2), 1), (LibraryVersion(2, 6, 0), 1), (LibraryVersion(2, 6, 1), 0)])
  func scramFromAnOldLibraryIsWarnedAbout(version: LibraryVersion, warnings: Int) throws {
    let properties = try consumer({ $0.common = ["sasl.mechanism": "SCRAM-SHA-512"] }, version: version)
    #expect(properties.warnings.count == warnings)
    #expect(properties.warnings.allSatisfy { $0.contains("\(version)") && $0.contains("PLAIN over TLS") })
  }

  @Test func cooperativeStickyIsWarnedAbout() throws {
    let strategy = ["partition.assignment.strategy": "cooperative-sticky"]
    #expect(try consumer({ $0.consumer = strategy }).warnings.count == 1)
    #expect(try consumer({ $0.consumer = strategy }, version: LibraryVersion(2, 10, 0)).warnings.isEmpty)
  }

  @Test func mixedAssignorsAreRefused() {
    #expect(throws: KafkaError.self) { try consumer { $0.consumer = ["partition.assignment.strategy": "range,cooperative-sticky"] } }
  }

  @Test(arguments: [(KafkaProperties.Pace.bulk, "20"), (.paced, "1"), (.embedded, "10")])
  func paceIsLinger(pace: KafkaProperties.Pace, linger: String) throws {
    let values = try KafkaProperties.events(kafka(), pace: pace).values
    #expect(values["linger.ms"] == linger)
    #expect(values["enable.idempotence"] == "true")
    #expect(values["partitioner"] == "murmur2_random")
    #expect(values["compression.codec"] == "zstd")
  }

  @Test func deadLettersHaveRoomAndNeverExpire() throws {
    let values = try KafkaProperties.deadLetters(kafka()).values
    #expect(values["message.max.bytes"] == "4194304")
    #expect(values["message.timeout.ms"] == "0")
    #expect(values["queue.buffering.max.kbytes"] == "32768")
    #expect(values["acks"] == "-1")
  }
}
