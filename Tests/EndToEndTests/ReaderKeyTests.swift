import Foundation
import Testing

extension EndToEnd {
  /// The code of the documents, run as it stands there against lists that an engine wrote.
  @Suite(.serialized, .disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
  struct ReaderKeyTests {
    private static let ids = [
      "ada@example.com", "ada+news@example.com", "mar\u{ed}a l\u{f3}pez", "a/b", "100%", "c:d", "42", "{x}", "caf\u{e9}", "cafe\u{301}",
      String(repeating: "a", count: 129), "h.c12cb024a2e5551cca0e08fce8f1c5e3",
    ]

    private static func document(_ name: String) throws -> String {
      try String(contentsOfFile: Place.packageRoot + "/" + name, encoding: .utf8)
    }

    private static func block(_ document: String, containing text: String) throws -> String {
      let blocks = document.components(separatedBy: "```python\n").dropFirst().compactMap { $0.components(separatedBy: "\n```").first }
      return try #require(blocks.first { $0.contains(text) }, "no Python block with \(text)")
    }

    @Test func aReaderThatFollowsTheDocumentsFindsEveryUserAndAListWithItsVector() throws {
      let scene = try Scene("reader-keys")
      try scene.engine.start()
      try scene.produceShipped(3000)
      try scene.produce(Self.ids.flatMap { user in ["22423", "85123A"].map { (user, EventTests.event(user, $0)) } })
      let applied = 3000 + 2 * Self.ids.count
      #expect(try scene.engine.settle(applied: applied).epoch > 0)

      let port = try #require(URL(string: scene.redis.url)?.port)
      let keys = try Self.document("schemas/redis-keys.md")
      let readme = try Self.block(try Self.document("README.md"), containing: "r.get(")
      let directory = try Bench.directory("readers")
      func write(_ name: String, _ text: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name)")) }
      try write("redis.py", Self.client)
      try write("keys.py", try Self.block(keys, containing: "def key_part") + "\n\n" + Self.block(keys, containing: "def list_and_vector"))
      try write(
        "readme.py", readme.replacing("freshet:default", with: "freshet:\(scene.name)").replacing("17850", with: "ada+news@example.com"))
      try write("all.py", Self.script)
      let python = "cd '\(directory)' && REDIS_PORT=\(port) python3"

      // README's client and line, with an id that a standard encoder would not find.
      let lines = try shell("\(python) readme.py").split(separator: "\n")
      #expect(lines.count == 5, "\(lines)")
      let list = try #require(try scene.redis.list(scene.name, "ada+news@example.com"))
      #expect(lines.first?.hasPrefix(list.items[0].item + " ") == true)

      try write("ids.json", String(decoding: try JSONEncoder().encode(Self.ids), as: UTF8.self))
      let reading = try Program(["/bin/sh", "-c", "\(python) all.py 'freshet:\(scene.name)'"])
      for _ in 0..<2 { #expect(try freshet(["retrain", "--wait", "--data-dir", scene.engine.directory]).status == 0) }
      try write("stop", "")
      #expect(try reading.wait(within: 30) == 0, "\(reading.standardError)")
      let report = try #require(
        try JSONSerialization.jsonObject(with: Data(reading.standardOutput.utf8)) as? [String: Any], "\(reading.standardOutput)")
      #expect(report["problems"] as? [String] == [])
      #expect((report["reads"] as? Int ?? 0) > 100)
      #expect((report["epochs"] as? Int ?? 0) > 1, "the roll-outs were not seen: \(report)")
      #expect(try scene.engine.stop() == 0)
    }

    /// As much of redis-py as the documents use, under its name.
    private static let client = #"""
      import os, socket

      class Redis:
          def __init__(self):
              self.stream = socket.create_connection(("127.0.0.1", int(os.environ["REDIS_PORT"]))).makefile("rwb")

          def get(self, key): return self.call("GET", key)
          def mget(self, keys): return self.call("MGET", *keys)

          def call(self, *words):
              words = [word.encode() for word in words]
              self.stream.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
              self.stream.flush()
              return self.reply()

          def reply(self):
              line = self.stream.readline()[:-2]
              if line[:1] == b"-": raise Exception(line.decode())
              if line[:1] == b"*": return [self.reply() for _ in range(int(line[1:]))]
              if line == b"$-1": return None
              return self.stream.read(int(line[1:]) + 2)[:-2]
      """#

    private static let script = #"""
      import json, os, struct, sys
      import redis
      from keys import key_part, list_and_vector

      root, ids = sys.argv[1], json.load(open("ids.json"))
      r = redis.Redis()
      problems, epochs, reads = [], set(), 0
      while True:
          last = os.path.exists("stop")
          for user in ids:
              stored, vector = list_and_vector(r, user, root)
              reads += 1
              if stored is None or not stored["items"]:
                  problems.append("%s has no list" % user)
              elif vector is None:
                  problems.append("%s has no vector of its list's epoch" % user)
              elif len(vector) != 16:
                  problems.append("%s has a vector of %d factors" % (user, len(vector)))
              else:
                  epochs.add(stored["epoch"])
              top, vec = r.mget(["%s:{u:%s}:%s" % (root, key_part(user), name) for name in ("top", "vec")])
              if top and vec and struct.unpack_from("<I", vec, 4)[0] < json.loads(top)["epoch"]:
                  problems.append("%s has a list that is newer than its vector" % user)
          if last or len(problems) > 10:
              break
      print(json.dumps({"problems": problems[:10], "epochs": len(epochs), "reads": reads}))
      """#
  }
}
