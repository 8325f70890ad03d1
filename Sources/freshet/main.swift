import Evaluation
import StreamingRecommender
let d = try EvaluationData(path: CommandLine.arguments[1], limit: CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2]) : nil)
var st = PrequentialEvaluator.Settings(); st.threads = 2
let c = RecommenderConfiguration()
let o = PrequentialEvaluator(configuration: c, settings: st).run(d) { r, o in if Int(r * 10000) % 500 == 0 { print(r, o.engine.recall, o.popularity.recall, o.retrains) } }
print(o, o.engine.recall, o.engine.meanPercentileRank, o.popularity.recall, o.popularity.meanPercentileRank)
