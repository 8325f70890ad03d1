import Foundation
import KafkaIngest
import StreamingRecommender
import Telemetry

/// `freshet topics create`.
struct TopicsCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func create() throws -> ExitStatus {
    let configuration = try context.loaded().configuration
    let wanted = context.options.int("partitions") ?? 8
    do {
      let administration = try TopicAdministration(kafka: configuration.kafka)
      var topics: [TopicSpecification] = []
      for topic in configuration.input.topics {
        let present = try administration.partitionCount(topic)
        topics.append(.events(topic, partitions: present ?? wanted))
        topics.append(.deadLetters(configuration.kafka.deadLetterTopic(of: topic), partitions: present ?? wanted))
      }
      if !configuration.items.topic.isEmpty {
        topics.append(.items(configuration.items.topic, partitions: try administration.partitionCount(configuration.items.topic) ?? wanted))
      }
      let outcomes = try administration.ensureTopics(topics)
      return report(topics, outcomes)
    } catch { throw CommandFailure("\(error)") }
  }

  private func report(_ topics: [TopicSpecification], _ outcomes: [String: TopicAdministration.Outcome]) -> ExitStatus {
    var output = JSONValue.object([])
    var status = ExitStatus.done
    for topic in topics {
      let text: String
      switch outcomes[topic.name] {
      case .created: text = "created, \(topic.partitions) partitions"
      case .exists(let partitions): text = "exists, \(partitions) partitions"
      case .failed(let why):
        text = "failed: \(why)"
        status = .failed
      case nil: text = "unknown"
      }
      output[topic.name] = .string(text)
      if !context.json { context.print("\(topic.name): \(text)") }
    }
    if context.json { context.print(output.text) }
    return status
  }
}
