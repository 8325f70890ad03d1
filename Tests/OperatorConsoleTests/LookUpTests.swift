import Telemetry
import Testing

import OperatorConsole

@Suite struct LookUpTests {
  private let list = ConsoleList(source: "foldin", epoch: 7, ageSeconds: 125, items: [.init(id: "i<1>", title: nil, score: 0.5)])

  private func text(_ json: JSONValue) -> [String] {
    guard case .array(let sentences) = json["text"] else { return [] }
    return sentences.map { if case .string(let text) = $0 { text } else { "" } }
  }

  @Test func aKnownUserHasAListAndAHistory() {
    var user = ConsoleUser(id: "u")
    user.isKnown = true
    user.pairs = 1
    user.hasVector = true
    user.partition = 3
    user.list = list
    user.history = [.init(item: "i", title: "An item", strength: 2, atMilliseconds: 9)]
    #expect(text(user.json) == ["The engine knows u: 1 item in the history; partition 3."])
    #expect(user.json["list"]?["text"] == "1 item, personal, updated after an event, epoch 7, made 2 min ago")
    #expect(user.json["list"]?["items"] == [["item": "i<1>", "title": nil, "score": 0.5]])
    #expect(user.json["history"] == [["item": "i", "title": "An item", "strength": 2.0, "at_ms": 9]])
  }

  @Test func anUnknownUserIsToldWhatReadersGet() {
    var user = ConsoleUser(id: "U")
    user.isFallback = true
    user.list = list
    #expect(text(user.json).count == 2 && text(user.json)[0].contains("no history of U") && text(user.json)[1].contains("popular"))
    user.list = nil
    #expect(text(user.json)[1].contains("nothing was published"))
    user.problem = "redis://u:CANARY@h does not answer"
    #expect(text(user.json).count == 1)
    #expect(!user.json.text.contains("CANARY"))
  }

  @Test func removalAndMergeAreTold() {
    var user = ConsoleUser(id: "visitor")
    user.mergedInto = "account"
    user.removal = .pending
    #expect(text(user.json).prefix(2).map { $0.contains("account") || $0.contains("not confirmed") } == [true, true])
    user.removal = .confirmed(ageSeconds: 60)
    #expect(text(user.json)[1].contains("60 s ago"))
    user.isAnswered = false
    #expect(text(user.json)[2].contains("did not answer"))
  }

  @Test func aScoreIsExplainedByItsParts() {
    var why = ConsoleWhy(user: "u", item: "i", answer: .explained(score: 0.75, trend: 0.05, isSeen: true, isHidden: false))
    why.title = "An item"
    why.parts = [
      .init(.history, item: "a", title: nil, score: 0.2), .init(.history, item: "b", title: "B", score: 0.4),
      .init(.follows, item: "a", title: nil, score: 0.1),
    ]
    #expect(
      text(why.json) == [
        "An item (i) has the score 0.750 for u now: 0.600 by the history, 0.100 because it usually follows the newest items, 0.050 because it "
          + "is popular now.", "Lists leave it out, because the user has acted on it.",
      ])
    guard case .array(let parts) = why.json["parts"] else { return }
    #expect(parts.map { $0["item"] } == ["b", "a", "a"] && parts[0]["title"] == "B" && parts[2]["kind"] == "follows")
    why.parts = (0..<50).map { .init(.history, item: "\($0)", title: nil, score: 0.01) }
    guard case .array(let bounded) = why.json["parts"] else { return }
    #expect(bounded.count == 20)
    #expect(text(ConsoleWhy(user: "u", item: "i", answer: .nothing).json)[0].contains("nothing to explain"))
    #expect(text(ConsoleWhy(user: "u", item: "i", answer: .late).json)[0].contains("in time"))
  }

  @Test func anItemSaysHowTheModelKnowsIt() {
    var item = ConsoleItem(id: "i")
    #expect(text(item.json) == ["No event has named i. Ids are compared byte by byte, and case counts."])
    item.isKnown = true
    item.title = "An item"
    item.vector = .trained
    item.users = 412
    item.trendShare = 0.004
    item.similar = list
    #expect(text(item.json) == ["An item (i) is in the model, trained with 412 users.", "It has 0.40 % of the recent events."])
    item.isHidden = true
    #expect(text(item.json)[1].hasPrefix("Lists leave it out"))
    item.vector = .foldedIn
    #expect(text(item.json)[0].contains("after the training"))
    item.vector = .none
    item.similar = nil
    #expect(text(item.json)[0].contains("model.min_support") && text(item.json).last == "There is no list of similar items.")
  }
}
