import Foundation
import KafkaIngest
import StreamingRecommender
import Telemetry
import Testing

extension EndToEnd {
  /// Files of other systems in `train`, `evaluate` and `validate`.
  @Suite(.serialized) struct FileCommandTests {
    /// Clicks with the time second, the item third and a category fourth, as in a file of web shops.
    static let clicks = (0..<400).map { row in
      "\(row / 8),2014-04-\(10 + row % 18)T11:05:\(10 + row % 50).036Z,\(214_536_500 + (row * 7 + row / 8) % 60),\(row % 9 == 0 ? "S" : "\(row % 3)")\n"
    }.joined()

    @Test func aFileWhoseItemsWouldBeTimesIsRefusedAndReadWithItsColumns() throws {
      let file = try Bench.write("clicks.dat", Self.clicks)
      let refused = try freshet(["train", "--train", file, "--factors", "4", "--iterations", "1", "--json"])
      #expect(refused.status == 1)
      #expect(refused.output == "" && refused.messages.contains("--columns user=1,item=3,time=2"), "\(refused.messages)")
      let columns = ["--columns", "user=1,item=3,time=2"]
      let read = try freshet(["train", "--train", file, "--factors", "4", "--iterations", "1", "--json"] + columns)
      #expect(read.status == 0 && read.json["users"] as? Int == 50 && read.json["items"] as? Int == 60, "\(read.messages)")
      #expect(
        read.messages.contains(
          "clicks.dat: comma-separated without a header: user = column 1, item = column 3, time = column 2; left out: column 4"),
        "\(read.messages)")
      for command in [["evaluate", "prequential", "--data"], ["evaluate", "holdout", "--data"], ["tune", "--data"], ["validate"]] {
        #expect(try freshet(command + [file]).status == 1, "\(command)")
      }
      #expect(try freshet(["evaluate", "prequential", "--data", file, "--json"] + columns).status == 0)
    }

    @Test func acceptedColumnsAreUsedWithAWarning() throws {
      let file = try Bench.write("clicks.csv", Self.clicks.replacing(",S\n", with: ",1\n"))
      let outcome = try freshet(["train", "--train", file, "--factors", "4", "--iterations", "1", "--json", "--accept-columns"])
      #expect(outcome.status == 0 && outcome.messages.contains("warning: the items are taken from column 2"), "\(outcome.messages)")
    }

    @Test func standardInputIsReadLikeAFile() throws {
      let file = try Bench.write("feedback.csv", Self.feedback)
      let output = try shell("gzip -c '\(file)' | '\(Place.binary)' train --train - --factors 4 --iterations 1 --json 2>/dev/null")
      let json = try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
      #expect(json["users"] as? Int == 20 && json["items"] as? Int == 30, "\(output)")
      #expect(try shell("cat '\(file)' | '\(Place.binary)' validate - --json 2>/dev/null").contains(#""usable":true"#))
    }

    /// A type first, and times as text.
    static let feedback =
      "FeedbackType,UserId,ItemId,Timestamp\n"
      + (0..<300).map {
        "\($0 % 4 == 0 ? "like" : "read"),\(3100 + $0 % 20),\(90_700 + $0 % 30),2022-06-24 21:\(10 + $0 / 60):\(10 + $0 % 50)\n"
      }.joined()

    /// The program that reads Parquet is another one; Tests/Platform runs the real one.
    @Test func parquetIsReadThroughTheProgramForIt() throws {
      let rows = try Bench.write("rows.csv", Self.feedback)
      let directory = try Bench.directory("tools")
      let file = directory + "/events.parquet"
      func train(_ script: String?) throws -> Outcome {
        try Data("PAR1".utf8).write(to: URL(fileURLWithPath: file))
        let tool = directory + "/bin/freshet-py"
        try? FileManager.default.removeItem(atPath: directory + "/bin")
        try FileManager.default.createDirectory(atPath: directory + "/bin", withIntermediateDirectories: true)
        if let script {
          try Data("#!/bin/sh\n\(script)\n".utf8).write(to: URL(fileURLWithPath: tool))
          try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: tool)
        }
        return try freshet(
          ["train", "--train", file, "--factors", "4", "--iterations", "1", "--json"],
          environment: ["PATH": directory + "/bin:/usr/bin:/bin"])
      }
      let read = try train(#"[ "$1 $2 $3 $4" = "rows --flat -- \#(file)" ] && exec cat '\#(rows)'"#)
      #expect(read.status == 0 && read.json["users"] as? Int == 20 && read.json["items"] as? Int == 30, "\(read.messages)")
      let broken = try train("head -n 50 '\(rows)'; echo 'freshet-py: no such column' >&2; exit 1")
      #expect(broken.status == 1 && broken.output.isEmpty, "a table that ends early is not trained on")
      #expect(broken.messages.contains("no such column") && broken.messages.contains("could not read it"), "\(broken.messages)")
      let missing = try train(nil)
      #expect(missing.status == 1 && missing.messages.contains("pip install 'freshet[parquet]'"), "\(missing.messages)")
      #expect(try freshet(["train", "--train", "/nowhere/x.parquet"]).messages.contains("no such file"))
    }

    @Test func typesWeighWhatTheConfigurationSays() throws {
      let file = try Bench.write("feedback.csv", Self.feedback)
      let all = try freshet(["train", "--train", file, "--factors", "4", "--iterations", "1", "--json"])
      #expect(all.json["interactions"] as? Int == 60, "\(all.messages)")
      let configuration = try Bench.write("freshet.json", #"{"input": {"weights": {"like": 3}}}"#)
      let likes = try freshet([
        "train", "--train", file, "--factors", "4", "--iterations", "1", "--json", "--accept-columns", "--config", configuration,
      ])
      #expect(likes.json["interactions"] as? Int == 15, "\(likes.messages)")
      #expect(likes.messages.contains("225 events are left out by their type"), "\(likes.messages)")
      let refused = try freshet(["train", "--train", file, "--config", configuration])
      #expect(refused.status == 1 && refused.messages.contains("types without a weight"), "\(refused.messages)")
    }

    @Test func rejectedLinesOfEveryCommandGoToTheirFile() throws {
      let file = try Bench.write("feedback.csv", Self.feedback + "like,,90701,2022-06-24 21:10:10\nlike,3101,90701,29-01-2021\n")
      for command in [["train", "--factors", "4", "--iterations", "1", "--train"], ["evaluate", "prequential", "--data"], ["validate"]] {
        let rejects = try Bench.directory("rejects") + "/rejects.tsv"
        let outcome = try freshet(command + [file, "--rejects", rejects])
        #expect(outcome.status == 0, "\(outcome.messages)")
        let lines = try String(contentsOfFile: rejects, encoding: .utf8).split(separator: "\n").map { $0.split(separator: "\t") }
        #expect(lines.map(\.first) == ["302", "303"], "\(command)")
        #expect(lines.first?[1] == "the user is empty" && lines.last?[1].contains("d-M-yyyy or M-d-yyyy") == true, "\(lines)")
        #expect(lines.last?.last == "like,3101,90701,29-01-2021")
      }
      let nowhere = try freshet(["validate", file, "--rejects", "/nonexistent/rejects.tsv"])
      #expect(nowhere.status == 1 && nowhere.messages.contains("/nonexistent/rejects.tsv"), "\(nowhere.messages)")
    }

    @Test func validateReportsWhatAFileHolds() throws {
      let text = Self.feedback + "like,3101,90701\nlike,,90701,2022-06-24 21:10:10\n" + Self.feedback.split(separator: "\n").last! + "\n"
      let outcome = try freshet(["validate", try Bench.write("feedback.csv", text), "--json"])
      let json = outcome.json
      #expect(outcome.status == 0 && json["usable"] as? Bool == true, "\(outcome.output)\(outcome.messages)")
      #expect(json["lines"] as? Int == 303 && json["interactions"] as? Int == 302 && json["rejected"] as? Int == 1)
      #expect(json["users"] as? Int == 20 && json["items"] as? Int == 30 && json["pairs"] as? Int == 60 && json["repeats"] as? Int == 1)
      #expect((json["types"] as? [String: Int]) == ["like": 76, "read": 226])
      #expect((json["fields"] as? [String: Int]) == ["time": 301, "type": 302, "value": 0])
      let reasons = json["rejected_by_reason"] as? [String: [String: Any]]
      #expect(reasons?["bad_user"]?["count"] as? Int == 1)
      #expect(reasons?["bad_user"]?["example"] as? String == "line 303: the user is empty")
      #expect(json["mapping"] as? String == "--columns user=UserId,item=ItemId,type=FeedbackType,time=Timestamp")
      #expect(json["first_time"] as? String == "2022-06-24T21:10:10.000Z")

      let refused = try freshet(["validate", try Bench.write("clicks.dat", Self.clicks), "--json"])
      #expect(refused.status == 1 && refused.json["usable"] as? Bool == false)
      #expect(refused.json["proposal"] as? String == "--columns user=1,item=3,time=2")
      let findings = refused.json["findings"] as? [[String: Any]]
      #expect(findings?.first?["rule"] as? String == "times-as-ids" && findings?.first?["severity"] as? String == "refusal")
    }

    @Test func validateProposesAMappingForNestedJSON() throws {
      let line = { (n: Int) in #"{"kind":"c","payload":{"after":{"customer_id":"u\#(n % 3)","sku":"i\#(n)","created_at":1700000000}}}"# }
      let outcome = try freshet(["validate", try Bench.write("rows.jsonl", (0..<30).map(line).joined(separator: "\n") + "\n"), "--json"])
      // Where the default mapping reads these records already, there is nothing to propose.
      guard outcome.status != 0 else { return }
      let proposal = outcome.json["proposal"] as? String ?? ""
      #expect(
        proposal.contains(#""user_id":"payload.after.customer_id""#) && proposal.contains(#""item_id":"payload.after.sku""#),
        "\(outcome.output)")
      #expect((outcome.json["fields"] as? [String: Int])?["payload.after.sku"] == 30)
    }

    @Test(arguments: [
      (["validate"], "validate needs a file, or a topic"), (["validate", "f", "--topic", "t"], "leave one of them away"),
      (["validate", "f", "--columns", "users=1"], "there is no field \"users\""),
      (["train", "--train", "f", "--delimiter", "abc"], "--delimiter abc"),
      (["produce", "f", "--time-format", "dd.MM"], "needs a year"), (["train", "--train", "f", "--encoding", "ebcdic"], "utf-16le"),
    ])
    func aWrongOptionIsAMistakeOfUsage(line: [String], expected: String) throws {
      let outcome = try freshet(line)
      #expect(outcome.status == 64 && outcome.messages.contains(expected), "\(outcome.messages)")
    }
  }

  /// Files into a topic, and a topic that is checked.
  @Suite(.serialized, .disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
  struct FileTopicTests {
    private func records(_ scene: Scene, newest: Int = 1000) throws -> [Record] {
      try TopicSample(topic: scene.name, newest: newest, kafka: scene.kafka).batches.flatMap(\.records)
    }

    @Test func aTypeColumnBecomesTheTypeOfTheEvent() throws {
      let scene = try Scene("typed")
      let file = try Bench.write("feedback.csv", FileCommandTests.feedback)
      let outcome = try freshet(["produce", file, "--json"] + scene.address)
      #expect(outcome.status == 0 && outcome.json["events"] as? Int == 300, "\(outcome.messages)")
      #expect(
        outcome.messages.contains("user = UserId (column 2), item = ItemId (column 3), type = FeedbackType (column 1)"),
        "\(outcome.messages)")
      let events = try records(scene).map { try #require(try JSONSerialization.jsonObject(with: Data($0.value ?? [])) as? [String: Any]) }
      #expect(events.count == 300)
      #expect(events.count { $0["event_type"] as? String == "like" } == 75)
      #expect(events.allSatisfy { $0["op"] == nil && ($0["timestamp"] as? Int ?? 0) > 1_656_000_000_000 })
      #expect(try records(scene).allSatisfy { $0.key.map { String(decoding: $0, as: UTF8.self).hasPrefix("31") } == true })
    }

    @Test func nothingSentIsAFailureWithTheFirstReason() throws {
      let scene = try Scene("nothing")
      let lines = "{\"user\":\"a\"}\n{\"user\":\"b\",\"what\":1}\n"
      let rejects = try Bench.directory("rejects") + "/rejects.tsv"
      let outcome = try freshet(["produce", try Bench.write("events.jsonl", lines), "--rejects", rejects] + scene.address)
      #expect(outcome.status == 1)
      #expect(
        outcome.messages.contains("nothing was sent") && outcome.messages.contains("line 1: item_id is missing"), "\(outcome.messages)")
      #expect(try String(contentsOfFile: rejects, encoding: .utf8).split(separator: "\n").count == 2)
      let refused = try freshet(["produce", try Bench.write("clicks.dat", FileCommandTests.clicks)] + scene.address)
      #expect(refused.status == 1 && refused.messages.contains("--columns user=1,item=3,time=2"), "\(refused.messages)")
      #expect(try Bench.recordCount(scene.name) == 0)
    }

    @Test func standardInputIsProduced() throws {
      let scene = try Scene("piped")
      let file = try Bench.write("ratings.dat", (0..<50).map { "\($0 % 7)::\($0 * 31 % 97)::4::\(978_300_760 + $0)\n" }.joined())
      let output = try shell("cat '\(file)' | '\(Place.binary)' produce - --json \(scene.address.joined(separator: " ")) 2>/dev/null")
      #expect(output.contains(#""events":50"#), "\(output)")
      #expect(try records(scene).count == 50)
    }

    @Test func validateOfATopicCountsReasonsKeysAndPartitions() throws {
      let scene = try Scene("checked", partitions: 3)
      let file = try Bench.write("events.tsv", (0..<90).map { "u\($0 % 30)\ti\($0 % 11)\t1\t\(1_700_000_000 + $0)\n" }.joined())
      #expect(try freshet(["produce", file] + scene.address).status == 0)
      let producer = try KafkaEventProducer(kafka: scene.kafka, pace: .paced)
      for number in 0..<10 {
        try producer.produce(topic: scene.name, key: nil, value: Array("{\"user_id\":\"u1\"}".utf8))
        try producer.produce(topic: scene.name, key: Array("k\(number)".utf8), value: EventTests.event("u2", "i1"))
      }
      #expect(producer.flush(timeout: .seconds(20)))
      let outcome = try freshet(["validate", "--json"] + scene.address)
      let json = outcome.json
      #expect(outcome.status == 0, "\(outcome.output)\(outcome.messages)")
      #expect(json["records"] as? Int == 110 && json["interactions"] as? Int == 100 && json["users"] as? Int == 30)
      let reasons = json["rejected_by_reason"] as? [String: [String: Any]]
      #expect(reasons?["missing_item_id"]?["count"] as? Int == 10)
      #expect((reasons?["missing_item_id"]?["example"] as? String)?.contains("offset") == true)
      let keys = json["keys"] as? [String: Int]
      #expect(keys?["user"] == 90 && keys?["other"] == 10 && keys?["none"] == 10 && keys?["in_other_partition"] == 0, "\(keys ?? [:])")
      let notes = (json["notes"] as? [String] ?? []).joined()
      #expect(notes.contains("keys are not the user ids") && notes.contains("without a key"), "\(notes)")
      #expect((json["fields"] as? [String: Int])?["user_id"] == 110)

      let newest = try freshet(["validate", "--last", "9", "--json"] + scene.address)
      #expect(newest.json["records"] as? Int == 9, "\(newest.output)\(newest.messages)")
      let misplaced = try Scene("misplaced", partitions: 3)
      for number in 0..<30 {
        let producer = try KafkaEventProducer(kafka: misplaced.kafka, pace: .paced)
        try producer.produce(topic: misplaced.name, key: Array("u\(number)".utf8), value: EventTests.event("u\(number)", "i"), partition: 0)
        #expect(producer.flush(timeout: .seconds(20)))
      }
      let wrong = try freshet(["validate"] + misplaced.address)
      #expect(wrong.output.contains("murmur2_random"), "\(wrong.output)\(wrong.messages)")
      let empty = try Scene("empty")
      let nothing = try freshet(["validate"] + empty.address)
      #expect(nothing.status == 1 && nothing.messages.contains("holds no records"), "\(nothing.messages)")
    }
  }
}
