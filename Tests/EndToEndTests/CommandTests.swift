import Foundation
import RedisPublishing
import Testing

extension EndToEnd {
  /// Whole commands without a server of anybody's: files, the embedded broker, a private Redis.
  @Suite(.serialized, .disabled(if: Place.redisAbsence != nil, "no redis-server"))
  struct CommandTests {
    private static let nowhere = "redis://127.0.0.1:1"

    // MARK: The demonstration

    @Test func theDemoShowsTheEffectOfAPurchaseAndLeavesNothingBehind() throws {
      let file = try Bench.head(Place.shippedEvents, 20_000)
      let temporary = try Bench.directory("tmp")
      let outcome = try freshet(["demo", "--data", file, "--json"], environment: ["TMPDIR": temporary], within: 120)
      #expect(outcome.status == 0, "\(outcome.messages)")
      let keys = ["events", "users", "items", "list_before", "list_after", "epoch", "freshness_p50_ms", "freshness_p99_ms"]
      #expect(keys.filter { outcome.json[$0] == nil } == [])
      // The events of the file and the purchase, whenever the last status was taken.
      #expect(outcome.json["events"] as? Int == 20_001)
      let before = outcome.json["list_before"] as? [String] ?? []
      let after = outcome.json["list_after"] as? [String] ?? []
      #expect(!before.isEmpty && !after.isEmpty)
      #expect(!after.contains(try #require(before.first)))
      // The retrain of so few events may be worse than the first model, and then that one stays.
      #expect((outcome.json["epoch"] as? Int ?? 0) >= 1)
      #expect((outcome.json["freshness_p99_ms"] as? Double ?? -1) > 0)
      #expect(try FileManager.default.contentsOfDirectory(atPath: temporary) == [])
      #expect(Self.processes(in: temporary) == [])
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func aDemoThatIsInterruptedLeavesNothingBehind(number: Int32) throws {
      let temporary = try Bench.directory("tmp")
      let demo = try Program([Place.binary, "demo", "--json"], environment: ["TMPDIR": temporary])
      try eventually("its Redis") { !Self.processes(in: temporary).isEmpty }
      usleep(500_000)
      demo.signal(number)
      try demo.wait(within: 30)
      usleep(300_000)
      #expect(Self.processes(in: temporary) == [])
      #expect(try FileManager.default.contentsOfDirectory(atPath: temporary) == [])
    }

    @Test func aDemoWithTooFewEventsSaysSoAtOnce() throws {
      let file = try Bench.write("few.tsv", "u1\ti1\nu2\ti2\n")
      let demo = try Program([Place.binary, "demo", "--data", file, "--json"], environment: ["TMPDIR": try Bench.directory("tmp")])
      defer { demo.end() }
      #expect(try demo.wait(within: 15) == 1)
      #expect(demo.standardError.contains("too few"), "\(demo.standardError)")
    }

    /// Those that have this directory in their command line or as their own.
    private static func processes(in directory: String) -> [String] {
      ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).filter { entry in
        guard Int32(entry) != nil else { return false }
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(entry)/cwd")) ?? ""
        let line = FileManager.default.contents(atPath: "/proc/\(entry)/cmdline").map { String(decoding: $0, as: UTF8.self) } ?? ""
        return own.hasPrefix(directory) || line.contains(directory)
      }
    }

    // MARK: Everything by --data-dir

    @Test func oneEmbeddedEngineIsReachedThroughItsDataDirectoryAlone() throws {
      let engine = try Engine(
        ["--embedded", "--redis", Self.nowhere], ["model.factors=16", "redis.namespace=shop", "retrain.max_quality_drop=1"])
      try engine.start()
      let reach = ["--data-dir", engine.directory]
      let file = try Bench.head(Place.shippedEvents, 10_000)
      let produced = try freshet(["produce", file, "--rate", "5000", "--items", Place.shippedItems, "--json"] + reach)
      #expect(produced.status == 0 && produced.json["events"] as? Int == 10_000, "\(produced.messages)")
      let settled = try engine.settle(applied: 10_000)
      #expect(settled.applied == 10_000)

      let recommend = try freshet(["recommend", "17850", "-n", "7", "--json"] + reach)
      #expect(Set(["user", "source", "epoch", "age_ms", "items"]).isSubset(of: recommend.json.keys), "\(recommend.messages)")
      let items = recommend.json["items"] as? [[String: Any]] ?? []
      #expect(items.count == 7)
      #expect(items.allSatisfy { $0["item"] is String && $0["score"] is Double && $0["title"] is String })
      let first = try #require(items.first?["item"] as? String)
      let without = try freshet(["recommend", "17850", "--exclude", first, "--json"] + reach)
      let others = try #require(without.json["items"] as? [[String: Any]], "\(without.messages)")
      #expect(others.count == 10 && !others.contains { $0["item"] as? String == first }, "\(without.output)")
      let similar = try freshet(["similar", first, "--json"] + reach)
      #expect(similar.json["item"] as? String == first && (similar.json["items"] as? [Any])?.count == 10, "\(similar.messages)")
      let popular = try freshet(["popular", "-n", "4", "--json"] + reach)
      #expect(popular.json["source"] as? String == "popular" && (popular.json["items"] as? [Any])?.count == 4)

      let keys = [
        "epoch", "users", "items", "interactions", "events_applied", "lag_records", "lag_seconds", "freshness_p99_ms", "state_bytes",
        "bytes_per_interaction", "bytes_per_user", "state_hash", "redis", "kafka", "retrain",
      ]
      let status = try engine.printedStatus()
      #expect(keys.filter { status.object[$0] == nil } == [])
      let hash = try status.stateHash
      #expect(try freshet(["status"] + reach).output.contains("state_hash"))

      let retrain = try freshet(["retrain", "--wait", "--json"] + reach)
      #expect(retrain.status == 0 && retrain.json["state"] as? String == "done", "\(retrain.output)\(retrain.messages)")
      let epoch = (retrain.json["result"] as? [String: Any])?["epoch"] as? Int ?? -1
      #expect(epoch > settled.epoch)
      let models = try freshet(["models", "--json"] + reach)
      #expect(models.json["epoch"] as? Int == epoch)
      #expect((models.json["models"] as? [[String: Any]])?.first?["epoch"] as? Int == epoch)
      let snapshot = try freshet(["snapshot"] + reach)
      #expect(snapshot.status == 0, "\(snapshot.messages)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: engine.directory + "/snapshots").count >= 1)
      try eventually("lists of the new epoch") {
        try freshet(["recommend", "17850", "--json"] + reach).json["epoch"] as? Int == epoch
      }
      try engine.settle(applied: 10_000)
      #expect(try engine.stop() == 0)

      // The log is gone with its process; what was learned stays.
      try engine.start()
      try eventually("the model again") { try engine.status().epoch >= epoch }
      #expect(try engine.status().stateHash == hash)
      #expect(try engine.stop() == 0)
      #expect(Self.processes(in: engine.directory) == [])
    }

    @Test func statusFindsAnEngineWhoseFileSaysPortZero() throws {
      let directory = try Bench.directory("engine")
      let file = try Bench.write(
        "freshet.json",
        #"{"instance": {"data_dir": "\#(directory)"}, "admin": {"listen": "127.0.0.1:0"}, "redis": {"url": "\#(Self.nowhere)"}}"#)
      let engine = try Program([Place.binary, "serve", "--embedded", "--config", file])
      try eventually("endpoints.json") { FileManager.default.fileExists(atPath: directory + "/endpoints.json") }
      let status = try freshet(["status", "--json", "--config", file])
      #expect(status.status == 0, "\(status.messages)")
      engine.signal(SIGTERM)
      #expect(try engine.wait(within: 25) == 0)
    }

    // MARK: Files

    @Test func theLossFallsAtEachHalfStepOfATraining() throws {
      var lines: [String] = []
      for user in 0..<120 { for item in 0..<60 where (user * 7 + item * 13) % 5 == user % 5 { lines.append("u\(user)\ti\(item)") } }
      let file = try Bench.write("train.tsv", lines.joined(separator: "\n") + "\n")
      let output = try Bench.directory("model")
      let outcome = try freshet(["train", "--train", file, "--factors", "8", "--iterations", "6", "--output", output, "--json"])
      #expect(outcome.status == 0, "\(outcome.messages)")
      let keys = ["seconds_per_iteration", "seconds_total", "loss", "gflops", "factors", "interactions", "users", "items"]
      #expect(keys.filter { outcome.json[$0] == nil } == [])
      let loss = outcome.json["loss"] as? [Double] ?? []
      #expect(loss.count >= 12)
      #expect(zip(loss, loss.dropFirst()).allSatisfy { $1 <= $0 * (1 + 1e-6) }, "\(loss)")
      #expect((loss.last ?? 1) < 0.9 * (loss.first ?? 0))
      #expect(outcome.json["interactions"] as? Int == lines.count && outcome.json["users"] as? Int == 120)
      #expect(try FileManager.default.contentsOfDirectory(atPath: output).sorted().count == 4)
    }

    @Test(arguments: ["time", "strong"]) func holdoutEvaluationPrintsItsKeys(split: String) throws {
      let outcome = try freshet(
        ["evaluate", "holdout", "--data", Place.shippedEvents, "--split", split, "--factors", "8", "--iterations", "3", "--json"])
      #expect(outcome.status == 0, "\(outcome.messages)")
      let keys = ["recall_at_20", "ndcg_at_20", "recall_capped_at_20", "ndcg_at_100", "coverage_at_20", "users", "settings", "beside"]
      #expect(keys.filter { outcome.json[$0] == nil } == [])
      #expect((outcome.json["recall_at_20"] as? Double ?? 0) > 0.02)
    }

    @Test func aSearchIsSavedAndGoesOnWhereItEnded() throws {
      let directory = try Bench.directory("search")
      let grid = try Bench.write("grid.json", #"{"factors": [2, 4], "iterations": [1, 2]}"#)
      let line = ["tune", "--data", Place.shippedEvents, "--grid", grid, "--resume", directory, "--json"]
      let first = try freshet(line)
      #expect(first.status == 0, "\(first.messages)")
      #expect((first.json["trials"] as? [Any])?.count == 2)
      let again = try freshet(line)
      #expect(again.messages.contains("trial 2 (known)"), "\(again.messages)")
      let chosen = try #require(first.json["set"] as? String)
      let value = try #require(first.json["validation"] as? Double)
      #expect(again.json["set"] as? String == chosen)
      #expect(again.json["validation"] as? Double == value)
      let saved = try String(contentsOfFile: directory + "/best.json", encoding: .utf8)
      #expect(saved.contains("--set model.factors="))
    }

    @Test(arguments: [
      (#"{"iterations": [8]}"#, ["--iterations", "20"], Int32(64), "--iterations and model.iterations"),
      (#"{"factors": [4]}"#, ["--set", "model.factors=8"], 64, "--set model.factors and model.factors"),
      (#"{"alpha": [4], "unobserved_weight": [0.1]}"#, [], 1, "two forms of one thing"),
      (#"{"unobserved_weight": [0.1, 0.5]}"#, ["--set", "model.alpha=4"], 78, "two forms of one thing"),
    ])
    func aGridThatContradictsItselfOrTheCommandLineIsRefusedBeforeTheSearch(grid: String, more: [String], status: Int32, expected: String)
      throws
    {
      let file = try Bench.write("grid.json", grid)
      let outcome = try freshet(["tune", "--data", Place.shippedEvents, "--grid", file] + more)
      #expect(outcome.status == status)
      #expect(outcome.messages.contains(expected), "\(outcome.messages)")
      #expect(!outcome.messages.contains("trial 1"))
    }

    @Test func aSearchWithAlphaLeavesTheUnobservedWeightAlone() throws {
      let directory = try Bench.directory("search")
      let outcome = try freshet([
        "tune", "--data", Place.shippedEvents, "--set", "model.alpha=4", "--factors", "4", "--iterations", "1", "--trials", "2",
        "--resume", directory, "--json",
      ])
      #expect(outcome.status == 0, "\(outcome.messages)")
      #expect((outcome.json["settings"] as? [String: Any])?.keys.sorted() == ["model.iterations", "model.regularization"])
    }

    @Test func aSplitWithoutAnybodyToTestEndsBeforeTheSearch() throws {
      // Whoever comes last was never there before; the validation before them has users that were.
      let lines = (0..<400).map { "\($0 < 300 ? "u\($0 % 20)" : "new\($0)")\ti\($0 * 7 % 50)\t1\t\(1_700_000_000 + $0)" }
      let file = try Bench.write("new-users.tsv", lines.joined(separator: "\n") + "\n")
      let outcome = try freshet(["tune", "--data", file, "--resume", try Bench.directory("search")])
      #expect(outcome.status == 1)
      #expect(outcome.messages.contains("choose a larger --test-share"), "\(outcome.messages)")
      #expect(!outcome.messages.contains("trials are kept"), "\(outcome.messages)")
    }

    @Test func foldsThatTheUsersCannotBeCutIntoAreAMistakeOfUsage() throws {
      let file = try Bench.write("few.tsv", (0..<5).map { "u\($0)\ti\($0)\t3" }.joined(separator: "\n") + "\n")
      for split in [["strong"], ["kfold", "--explicit"]] {
        let outcome = try freshet(["evaluate", "holdout", "--data", file, "--folds", "50", "--split"] + split)
        #expect(outcome.status == 64, "\(outcome.messages)")
      }
    }

    @Test func prequentialEvaluationPrintsItsKeys() throws {
      let outcome = try freshet(
        ["evaluate", "prequential", "--data", Place.shippedEvents, "--limit", "8000", "--set", "model.factors=16", "--json"])
      #expect(outcome.status == 0, "\(outcome.messages)")
      let keys = [
        "recall_at_10", "mean_percentile_rank", "popularity_recall_at_10", "popularity_mean_percentile_rank",
        "events_scored", "events_per_second", "recommend_microseconds", "settings",
      ]
      #expect(keys.filter { outcome.json[$0] == nil } == [])
      #expect((outcome.json["events_scored"] as? Int ?? 0) == 5600)
    }

    @Test func anAblationPrintsTheRowsThatWereAskedFor() throws {
      let line = ["evaluate", "prequential", "--data", Place.shippedEvents, "--limit", "3000", "--set", "model.factors=8", "--ablation"]
      let outcome = try freshet(
        line + ["--rows", "popularity,full", "--rows", "isgd", "--first-occurrences", "--shuffle-ties", "1", "--json"])
      #expect(outcome.status == 0, "\(outcome.messages)")
      let rows = outcome.json["rows"] as? [[String: Any]] ?? []
      #expect(rows.map { $0["name"] as? String } == ["full", "popularity", "isgd"])
      for row in rows { #expect(["recall_at_10", "mean_percentile_rank", "seconds"].filter { row[$0] as? Double == nil } == []) }
      let repeats = (outcome.json["settings"] as? [String: Any])?["repeats_left_out"] as? Int ?? 0
      #expect(repeats > 0 && outcome.json["events_scored"] as? Int == 3000 - repeats - Int(Double(3000 - repeats) * 0.3))
      #expect(try freshet(line + ["--rows", "without-trand"]).messages.contains("did you mean without-trend?"))
    }

    @Test(arguments: ["model.recency=on", "model.training_block=20", "model.trend=on", "model.transitions=on"])
    func aPartThatNeedsTheOrderOfEventsIsRefusedByWhatIsStatic(setting: String) throws {
      let commands = [
        ["train", "--train"], ["train", "--explicit", "--train"], ["evaluate", "holdout", "--data"],
        ["evaluate", "holdout", "--split", "kfold", "--explicit", "--data"], ["tune", "--data"],
      ]
      for command in commands {
        let outcome = try freshet(command + [Place.shippedEvents, "--set", setting])
        #expect(outcome.status == 64)
        #expect(outcome.messages.contains("evaluate prequential"), "\(outcome.messages)")
      }
    }

    @Test func theFreshnessBenchmarkLosesNothingAndPrintsItsKeys() throws {
      let temporary = try Bench.directory("tmp")
      let file = try Bench.head(Place.shippedEvents, 20_000)
      let outcome = try freshet(
        ["benchmark", "freshness", "--seconds", "2", "--rate", "500", "--data", file, "--json"], environment: ["TMPDIR": temporary],
        within: 90)
      #expect(outcome.status == 0, "\(outcome.messages)")
      let keys = ["rate", "events", "p50_ms", "p90_ms", "p99_ms", "p999_ms", "max_ms", "floor_p50_ms", "floor_p99_ms", "lost"]
      #expect(keys.filter { outcome.json[$0] == nil } == [])
      #expect(outcome.json["lost"] as? Int == 0)
      #expect(outcome.json["events"] as? Int == 1000)
      #expect(try FileManager.default.contentsOfDirectory(atPath: temporary) == [])
      #expect(Self.processes(in: temporary) == [])
    }
  }
}
