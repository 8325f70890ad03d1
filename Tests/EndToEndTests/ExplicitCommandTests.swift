import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct ExplicitCommandTests {
    /// Like colours rate each other 5, others 1; every fifth cell is for the test.
    private static func files() throws -> (train: String, test: String) {
      var (train, test) = ("", "")
      for user in 0..<60 {
        for item in 0..<40 {
          let line = "u\(user)\ti\(item)\t\((user + item) % 2 == 0 ? 5 : 1)\n"
          if (user * 7 + item * 3) % 5 == 0 { test += line } else { train += line }
        }
      }
      return (try Bench.write("train.tsv", train), try Bench.write("test.tsv", test + "nobody\ti0\t3\nu1\n"))
    }

    @Test(arguments: [[], ["--nonnegative"]]) func ratingsTrainToErrorsBelowBothBaselines(option: [String]) throws {
      let (train, test) = try Self.files()
      let output = try Bench.directory("model")
      let outcome = try freshet(
        ["train", "--explicit", "--train", train, "--test", test, "--factors", "4", "--output", output, "--json"] + option)
      #expect(outcome.status == 0, "\(outcome.messages)")
      let keys = [
        "seconds_per_iteration", "seconds_total", "loss", "gflops", "factors", "interactions", "users", "items", "rmse", "mae",
        "rmse_mean_baseline", "rmse_bias_baseline", "rows_scored", "rows_dropped", "settings",
      ]
      #expect(keys.filter { outcome.json[$0] == nil } == [])
      #expect(outcome.json["rows_scored"] as? Int == 481 && outcome.json["rows_dropped"] as? Int == 1)
      let rmse = outcome.json["rmse"] as? Double ?? 9
      #expect(rmse < 1 && rmse < outcome.json["rmse_bias_baseline"] as? Double ?? 0)
      let loss = outcome.json["loss"] as? [Double] ?? []
      #expect(loss.count == 31 && zip(loss, loss.dropFirst()).allSatisfy { $1 <= $0 * (1 + 1e-6) }, "\(loss)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: output).count == 7)
    }

    @Test(arguments: [["--nonnegative"], ["--explicit", "--value", "log1p"], ["--explicit", "--unobserved-weight", "0.1"]])
    func optionsThatContradictEachOtherAreMistakesOfUsage(options: [String]) throws {
      let outcome = try freshet(["train", "--train", try Self.files().train] + options)
      #expect(outcome.status == 64)
      #expect(outcome.messages.contains("--explicit"), "\(outcome.messages)")
    }

    @Test(arguments: [[], ["--nonnegative"]]) func eachRatingIsHeldOutOnce(option: [String]) throws {
      let outcome = try freshet(
        ["evaluate", "holdout", "--data", try Self.files().train, "--split", "kfold", "--explicit", "--folds", "4"] + option
          + ["--factors", "4", "--json"])
      #expect(outcome.status == 0, "\(outcome.messages)")
      let keys = ["rmse", "mae", "rmse_mean_baseline", "rmse_bias_baseline", "rows_scored", "rows_dropped"]
      #expect(keys.filter { outcome.json[$0] == nil } == [])
      #expect(outcome.json["rows_scored"] as? Int == 1920)
      #expect((outcome.json["folds"] as? [Any])?.count == 4)
      #expect((outcome.json["settings"] as? [String: Any])?["nonnegative"] as? Bool == !option.isEmpty)
      #expect(outcome.json["rmse"] as? Double ?? 9 < outcome.json["rmse_bias_baseline"] as? Double ?? 0)
    }

    @Test(arguments: [
      ("--split kfold", "add --explicit"), ("--explicit", "--split kfold"), ("--nonnegative", "--split kfold --explicit"),
      ("--split kfold --explicit --seeds 2", "--split strong"), ("--split kfold --explicit --split-seed 7", "--seed"),
      ("--split kfold --explicit --baselines none", "--split time or strong"), ("--folds 3", "--split strong or kfold"),
    ]) func aSplitThatDoesNotGoWithTheOptionsNamesOneThatDoes(options: String, fix: String) throws {
      let outcome = try freshet(
        ["evaluate", "holdout", "--data", try Self.files().train] + options.split(separator: " ").map(String.init))
      #expect(outcome.status == 64)
      #expect(outcome.messages.contains(fix), "\(outcome.messages)")
    }

    @Test func aFileWithoutRatingsSaysWhatIsMissing() throws {
      let outcome = try freshet(["train", "--explicit", "--train", try Bench.write("pairs.tsv", "u1\ti1\nu2\ti2\n")])
      #expect(outcome.status == 1)
      #expect(outcome.messages.contains("no ratings"), "\(outcome.messages)")
    }
  }
}
