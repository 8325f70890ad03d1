/// The line format of an interaction file.
public enum InteractionFormat: String, Sendable, CaseIterable {
  case tsv, csv, jsonl

  public var expectedForm: String {
    switch self {
    case .tsv: "user<TAB>item[<TAB>value][<TAB>timestamp]"
    case .csv: "user,item[,value][,timestamp]"
    case .jsonl: "one JSON event {\"user_id\":...,\"item_id\":...} per line"
    }
  }
}
