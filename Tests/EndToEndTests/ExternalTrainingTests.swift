import Foundation
import Testing

@testable import freshet

@Suite struct NumPyMatrixTests {
  private func npy(_ header: String, _ values: [UInt8], version: UInt8 = 1) -> Data {
    let text = Array(header.utf8)
    let length = [UInt8(text.count & 255), UInt8(text.count >> 8)] + (version == 1 ? [] : [0, 0])
    return Data([0x93] + Array("NUMPY".utf8) + [version, 0] + length + text + values)
  }

  private func bytes(_ values: [Float]) -> [UInt8] {
    values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
  }
  private func bytes(_ values: [Double]) -> [UInt8] {
    values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
  }

  @Test func singleAndDoublePrecisionAreRead() throws {
    let single = try NumPyMatrix(
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", bytes([1, 2, 3, 4, 5, 6.5] as [Float])))
    #expect(single.rows == 2 && single.columns == 3 && single[1] == [4, 5, 6.5])
    let double = try NumPyMatrix(
      npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }", bytes([0.5, -2] as [Double]), version: 2))
    #expect(double[0] == [0.5, -2])
  }

  @Test(arguments: [
    ("", NumPyMatrix.Fault.noArray), ("{'descr': '<i4', 'fortran_order': False, 'shape': (1, 1), }", .otherType("")),
    ("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }", .otherType("")),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", .otherShape("")),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (9, 9), }", .truncated),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 2), }", .otherShape("")),
  ])
  func otherArraysAreRefused(header: String, fault: NumPyMatrix.Fault) {
    let data = header.isEmpty ? Data("{\"a\": [1, 2, 3]}".utf8) : npy(header, bytes([1, 2, 3, 4] as [Float]))
    #expect { try NumPyMatrix(data) } throws: { error in
      switch (error as? NumPyMatrix.Fault, fault) {
      case (.otherType, .otherType), (.otherShape, .otherShape): true
      case (let thrown?, let wanted): thrown == wanted
      default: false
      }
    }
  }
}

extension EndToEnd {
  /// `retrain.external.command` with a real engine.
  @Suite(.serialized, .disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
  struct ExternalTrainingTests {
    private func retrain(_ engine: Engine) throws -> Outcome {
      try freshet(["retrain", "--wait", "--json", "--data-dir", engine.directory])
    }

    @Test func vectorsAreImportedThroughTheGate() throws {
      let work = try Bench.directory("vectors")
      let scene = try Scene("vectors", settings: ["retrain.first_pairs=1000000000", "model.factors=16"])
      let events = try Bench.head(Place.shippedEvents, 3000)
      #expect(try freshet(["train", "--train", events, "--factors", "16", "--output", work]).status == 0)
      try scene.engine.start()
      try scene.produceShipped(3000)
      try scene.engine.settle(applied: 3000)
      let directory = ["--data-dir", scene.engine.directory]
      let imported = try freshet(["import", "factors", work, "--wait", "--json"] + directory)
      let record = try #require(imported.json["result"] as? [String: Any], "\(imported.output) \(imported.messages)")
      #expect(imported.status == 0 && record["solver"] as? String == "external" && record["epoch"] as? Int == 1, "\(record)")
      #expect((record["reason"] as? String)?.hasSuffix((work as NSString).lastPathComponent) == true)
      #expect(try scene.engine.settle(applied: 3000).epoch == 1)
      #expect(try scene.redis.list(scene.name, "17850")?.epoch == 1)
      let empty = try freshet(["import", "factors", try Bench.directory("empty"), "--wait"] + directory)
      #expect(empty.status == 1 && empty.messages.contains("there is no item_factors.npy"), "\(empty.messages)")
      // Of another length.
      #expect(try freshet(["train", "--train", events, "--factors", "8", "--output", work]).status == 0)
      let short = try freshet(["import", "factors", work, "--wait"] + directory)
      #expect(short.status == 1 && short.output.contains("the vectors have 8 floats, and model.factors is 16"), "\(short.output)")
      #expect(try scene.engine.status().epoch == 1)
    }

    @Test func anotherProgramsVectorsAreServedOrRefusedWithItsWords() throws {
      let work = try Bench.directory("external")
      // The command is what the test writes there.
      let scene = try Scene("external", settings: ["retrain.external.command=sh \(work)/command", "retrain.first_pairs=1000000000"])
      func command(_ script: String) throws { try Data(script.utf8).write(to: URL(fileURLWithPath: work + "/command")) }
      let events = try Bench.head(Place.shippedEvents, 3000)
      #expect(try freshet(["train", "--train", events, "--factors", "16", "--output", work + "/model"]).status == 0)
      try scene.engine.start()
      try scene.produceShipped(3000)
      try scene.engine.settle(applied: 3000)

      try command("[ -s interactions.parquet ] && cat settings.json && cp \(work)/model/item_* .")
      let accepted = try retrain(scene.engine)
      let record = try #require(accepted.json["result"] as? [String: Any], "\(accepted.output) \(accepted.messages)")
      #expect(accepted.status == 0 && record["solver"] as? String == "external" && record["epoch"] as? Int == 1)
      let status = try scene.engine.settle(applied: 3000)
      #expect(status.epoch == 1)
      #expect(try scene.redis.list(scene.name, "17850")?.epoch == 1)
      let directories = try FileManager.default.contentsOfDirectory(atPath: scene.engine.directory + "/external")
      let log = try String(contentsOfFile: "\(scene.engine.directory)/external/\(try #require(directories.first))/log", encoding: .utf8)
      #expect(log.contains(#""factors":16"#), "\(log)")

      for (script, words) in [
        ("echo starting; echo 'out of memory' >&2; exit 3", "ended with status 3: out of memory"),
        ("true", "there is no item_factors.npy"),
        ("echo nonsense > item_factors.npy; touch item_ids.txt", "not an array of NumPy"),
        ("cp \(work)/model/item_* . && echo more >> item_ids.txt", "lines and item_factors.npy"),
      ] {
        try command(script)
        let refused = try retrain(scene.engine)
        #expect(refused.status == 1 && refused.output.contains(words), "\(script): \(refused.output)")
      }
      #expect(try scene.engine.status().epoch == 1)

      // A command that does not end is ended with the job, and what it has started as well.
      try command("sleep 300 & echo $! > \(work)/child; wait")
      #expect(try ask("POST", scene.engine.admin, "/v1/retrain").status == 202)
      try eventually("the command runs") { FileManager.default.fileExists(atPath: work + "/child") }
      let child = try #require(Int32(try String(contentsOfFile: work + "/child", encoding: .utf8).trimmingCharacters(in: .newlines)))
      #expect(kill(child, 0) == 0)
      #expect(try scene.engine.stop() == 0)
      try eventually("the child of the command is gone") { kill(child, 0) != 0 }
    }
  }
}
