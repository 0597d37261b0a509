import './base.css';
import './graph.css';
import './problems.css';
import './badges.css';
import './tags.css';
import './runs.css';
