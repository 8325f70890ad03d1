import Foundation
import RedisPublishing
import Testing

extension EndToEnd {
  /// What stands in Redis, read by a program in another language that knows nothing but the contract.
  @Suite(.serialized, .disabled(if: Place.serversAbsence != nil, "no Kafka or no Redis, see standard error"))
  struct ReaderTests {
    @Test(.disabled(if: Place.absence([("/usr/bin/env", "env"), (python ?? "python3", "python3")]) != nil, "no python3"))
    func aReaderInPythonComputesTheSameListsFromTheVectors() throws {
      let scene = try Scene(
        "python",
        settings: [
          "model.trend=none", "model.transitions=none", "topn.n=30", "topn.similar_shrinkage=0", "retrain.max_quality_drop=1",
        ])
      let file = try Bench.head(Place.shippedEvents, 12_000)
      try scene.engine.start()
      #expect(try freshet(["produce", file, "--max"] + scene.address).status == 0)
      try scene.engine.settle(applied: 12_000)
      // An item that comes after the training gets a vector, but lists made before that lack it: here the training knows all.
      let retrain = try freshet(["retrain", "--wait", "--data-dir", scene.engine.directory])
      #expect(retrain.status == 0, "\(retrain.messages)")
      try scene.engine.settle(applied: 12_000)
      // Some users move on after the training, and one begins with an item that the training has not seen.
      try scene.produce(
        (0..<40).map { ("17850", EventTests.event("17850", "2242\($0)")) } + [("newcomer", EventTests.event("newcomer", "new-item"))])
      let status = try scene.engine.settle(applied: 12_041)

      let (_, port) = try Self.endpoint(scene.redis.url)
      let script = try Bench.write("reader.py", Self.script)
      let seen = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map { $0.split(separator: "\t") }
        .map { "\($0[0])\t\($0[1])" }
      let extra = (0..<40).map { "17850\t2242\($0)" } + ["newcomer\tnew-item"]
      let history = try Bench.write("seen.tsv", (seen + extra).joined(separator: "\n") + "\n")
      let late = extra.map { $0.split(separator: "\t")[1] }.joined(separator: ",")
      let answer = try shell("python3 '\(script)' \(port) 'freshet:\(scene.name)' '\(history)' '\(late)'")
      let report = try #require(try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any], "\(answer)")
      #expect(report["epoch"] as? Int == status.epoch)
      #expect(report["problems"] as? [String] == [])
      #expect(report["users"] as? Int == status.users)
      #expect((report["similar"] as? Int ?? 0) > 100)
      #expect(try scene.engine.stop() == 0)
    }

    private static let python: String? = (Place.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/python3" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }

    private static func endpoint(_ url: String) throws -> (host: String, port: Int) {
      guard let url = URL(string: url), let host = url.host, let port = url.port else { throw Failure("\(url)") }
      return (host, port)
    }

    /// Python's standard library only.
    private static let script = #"""
      import json, math, socket, struct, sys
      from collections import defaultdict
      from urllib.parse import unquote

      port, root, history, late = int(sys.argv[1]), sys.argv[2], sys.argv[3], set(sys.argv[4].split(","))
      stream = socket.create_connection(("127.0.0.1", port)).makefile("rwb")

      def reply():
          line = stream.readline()[:-2]
          kind, rest = line[:1], line[1:]
          if kind == b"$":
              return None if rest == b"-1" else stream.read(int(rest) + 2)[:-2]
          if kind == b"*":
              return [reply() for _ in range(int(rest))]
          if kind == b":":
              return int(rest)
          if kind == b"-":
              raise Exception(rest.decode())
          return rest

      def call(*words):
          words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
          stream.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
          stream.flush()
          return reply()

      def scan(pattern):
          cursor, keys = b"0", []
          while True:
              cursor, some = call("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
              keys += some
              if cursor == b"0":
                  return sorted(set(keys))

      def vector(blob):
          magic, epoch, factors = struct.unpack_from("<4sII", blob)
          assert magic == b"FRV1" and len(blob) == 12 + 4 * factors, (magic, factors, len(blob))
          return epoch, struct.unpack_from("<%df" % factors, blob, 12)

      def dot(a, b):
          return sum(x * y for x, y in zip(a, b))

      def close(a, b, terms=0):
          return abs(a - b) <= 1e-5 * max(abs(a), abs(b), terms)

      problems = []
      fields = call("HGETALL", root + ":model")
      model = dict(zip(fields[::2], fields[1::2]))
      epoch, factors = int(model[b"epoch"]), int(model[b"factors"])
      items = {}
      for key in scan("%s:e%d:{i:*}:vec" % (root, epoch)):
          of, numbers = vector(call("GET", key))
          if of != epoch or len(numbers) != factors:
              problems.append("%s: epoch %d, %d factors" % (key, of, len(numbers)))
          items[unquote(key.decode().split("{i:")[1].split("}")[0])] = numbers
      if len(items) < int(model[b"items"]):
          problems.append("%d vectors, the pointer says %s items" % (len(items), model[b"items"]))

      seen = defaultdict(set)
      for line in open(history):
          user, item = line.rstrip("\n").split("\t")[:2]
          seen[user].add(item)

      users = 0
      for user in sorted(seen):
          top, vec = call("MGET", "%s:{u:%s}:top" % (root, user), "%s:{u:%s}:vec" % (root, user))
          if top is None or vec is None:
              problems.append("%s has no list or no vector" % user)
              continue
          stored = json.loads(top)
          of, mine = vector(vec)
          if stored["epoch"] != epoch or of != epoch:
              problems.append("%s: list of epoch %d, vector of %d" % (user, stored["epoch"], of))
              continue
          users += 1
          if not any(mine):
              # Nothing personal can be said: the list is the popular one, and its scores are shares.
              if stored["src"] != "popular":
                  problems.append("%s has the zero vector and a list of source %s" % (user, stored["src"]))
              continue
          scores = {item: dot(mine, numbers) for item, numbers in items.items()}
          names = {item for item, _ in stored["items"]}
          unseen = [item for item in scores if item not in seen[user] and (item in names or item not in late)]
          expected = sorted(unseen, key=lambda item: -scores[item])[: len(stored["items"])]
          if len(stored["items"]) != 30:
              problems.append("%s: %d items" % (user, len(stored["items"])))
          previous = math.inf
          for (item, score), best in zip(stored["items"], expected):
              terms = 1e-2 * sum(abs(x * y) for x, y in zip(mine, items.get(item, ())))
              if item in seen[user]:
                  problems.append("%s has seen %s" % (user, item))
              elif item not in scores:
                  problems.append("%s: %s has no vector" % (user, item))
              elif not close(score, scores[item], terms):
                  problems.append("%s %s: stored %r, computed %r" % (user, item, score, scores[item]))
              elif item != best and not close(scores[item], scores[best], terms):
                  problems.append("%s: %s stands where %s belongs" % (user, item, best))
              if score > previous:
                  problems.append("%s: the scores are not descending" % user)
              previous = score

      similar = 0
      length = {item: math.sqrt(dot(numbers, numbers)) for item, numbers in items.items()}
      for item in sorted(items)[:150]:
          stored = call("GET", "%s:{i:%s}:sim" % (root, item))
          if stored is None:
              continue
          similar += 1
          for other, score in json.loads(stored)["items"]:
              cosine = dot(items[item], items[other]) / (length[item] * length[other])
              if other == item or abs(cosine - score) > 1e-4:
                  problems.append("similar to %s: %s %r, computed %r" % (item, other, score, cosine))

      print(json.dumps({"epoch": epoch, "users": users, "items": len(items), "similar": similar, "problems": problems[:10]}))
      """#
  }
}
